// SPDX-License-Identifier: GPL-2.0
/*
 * Expose this kernel's headers and build files as /sys/kernel/kheaders.tar.xz.
 *
 * scripts/pack_headers.sh creates the archive at build time; see
 * Documentation/ABI/testing/sysfs-kernel-kheaders.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compiler.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>

/*
 * Defined in kheaders_data.S, which is linked in after modpost because the archive
 * contains modpost's output.  Weak, as modpost rejects other undefined symbols.
 */
extern const char kheaders_data[] __weak;
extern const char kheaders_data_end[] __weak;

/* __ro_after_init costs a module a page; built in, it is free. */
#ifdef MODULE
#define __kheaders_ro
#else
#define __kheaders_ro __ro_after_init
#endif

/*
 * Keep the addresses in data: to reference a weak symbol from code the compiler may use a
 * GOT, which arm64 modules do not have.
 */
static const char *const kheaders_bounds[] = {
	kheaders_data,
	kheaders_data_end,
};

/* Only root may read an archive that contains the randstruct seed. */
#define KHEADERS_MODE (IS_ENABLED(CONFIG_KHEADERS_RANDSTRUCT_SEED) ? 0400 : 0444)

#ifdef __BIN_ATTR_SIMPLE_RO
static struct bin_attribute kheaders_attr __kheaders_ro =
	__BIN_ATTR_SIMPLE_RO(kheaders.tar.xz, KHEADERS_MODE);
#else /* before 34f7b36ad5e8 ("sysfs: Add sysfs_bin_attr_simple_read() helper") in 6.10 */
static ssize_t kheaders_read(struct file *file, struct kobject *kobj,
			     struct bin_attribute *attr,
			     char *buf, loff_t off, size_t count)
{
	/* sysfs has limited @off and @count to attr->size */
	memcpy(buf, attr->private + off, count);
	return count;
}

static struct bin_attribute kheaders_attr __kheaders_ro = {
	.attr = {
		.name = "kheaders.tar.xz",
		.mode = KHEADERS_MODE,
	},
	.read = kheaders_read,
};
#endif

/* Check first: sysfs reports a duplicate name with a stack trace. */
static bool __init kheaders_name_taken(void)
{
	struct kernfs_node *kn;

	kn = sysfs_get_dirent(kernel_kobj->sd, kheaders_attr.attr.name);
	sysfs_put(kn);
	return kn;
}

static int __init kheaders_init(void)
{
	const char *const *bounds = kheaders_bounds;
	const char *data, *end;

	/* gcc sees through READ_ONCE() of a constant */
	OPTIMIZER_HIDE_VAR(bounds);
	data = bounds[0];
	end = bounds[1];

	/*
	 * Both are NULL if the module was linked without the archive.  Refuse that, as sysfs
	 * does not limit reads of an attribute of size 0.
	 */
	if (end <= data) {
		pr_err("built without an archive; rebuild and reinstall the module\n");
		return -ENODATA;
	}
	if (kheaders_name_taken()) {
		pr_err("/sys/kernel/%s: already exists; is another kheaders loaded or built in?\n",
		       kheaders_attr.attr.name);
		return -EEXIST;
	}
	kheaders_attr.private = (void *)data;
	kheaders_attr.size = end - data;
	return sysfs_create_bin_file(kernel_kobj, &kheaders_attr);
}

static void __exit kheaders_exit(void)
{
	sysfs_remove_bin_file(kernel_kobj, &kheaders_attr);
}

module_init(kheaders_init);
module_exit(kheaders_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kheaders authors");
MODULE_DESCRIPTION("The running kernel's headers and build files in sysfs");
#ifdef KHEADERS_VERSION
MODULE_VERSION(KHEADERS_VERSION);
#endif
