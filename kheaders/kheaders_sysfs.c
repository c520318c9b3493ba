// SPDX-License-Identifier: GPL-2.0
/*
 * Show the archive of this kernel's headers as /sys/kernel/kheaders.tar.xz.
 *
 * The archive is made at build time by scripts/pack_headers.sh; see
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
 * Between the markers in kheaders_data.S, which is linked in after modpost: the
 * archive holds what modpost writes.  Modpost lets only weak symbols be undefined.
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
 * As data, to be read at run time by READ_ONCE(): for a weak symbol in its code the
 * compiler may want a GOT, which modules for arm64 do not have.
 */
static const char *const kheaders_bounds[] = {
	kheaders_data,
	kheaders_data_end,
};

/* Only root may read an archive that has the seed of the structures' layout. */
#define KHEADERS_MODE (IS_ENABLED(CONFIG_KHEADERS_RANDSTRUCT_SEED) ? 0400 : 0444)

#ifdef __BIN_ATTR_SIMPLE_RO
static struct bin_attribute kheaders_attr __kheaders_ro =
	__BIN_ATTR_SIMPLE_RO(kheaders.tar.xz, KHEADERS_MODE);
#else /* before 34f7b36ad5e8 ("sysfs: Add sysfs_bin_attr_simple_read() helper") in 6.10 */
static ssize_t kheaders_read(struct file *file, struct kobject *kobj,
			     struct bin_attribute *attr,
			     char *buf, loff_t off, size_t count)
{
	/* sysfs has cut @off and @count to attr->size */
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
	const char *data = READ_ONCE(kheaders_bounds[0]);
	const char *end = READ_ONCE(kheaders_bounds[1]);

	/*
	 * Both are NULL in a module that was linked without the archive; sysfs does not
	 * limit reads of an attribute whose size is 0.
	 */
	if (end <= data) {
		pr_err("built without an archive; build and install the module again\n");
		return -ENODATA;
	}
	if (kheaders_name_taken()) {
		pr_err("/sys/kernel/%s: exists already; is another kheaders loaded or built in?\n",
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
