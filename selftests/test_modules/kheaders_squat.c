// SPDX-License-Identifier: GPL-2.0
/* Take the name /sys/kernel/kheaders.tar.xz, as another kheaders module would. */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

static ssize_t squat_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "squatter\n");
}

static struct kobj_attribute squat_attr = {
	.attr = { .name = "kheaders.tar.xz", .mode = 0444 },
	.show = squat_show,
};

static int __init squat_init(void)
{
	return sysfs_create_file(kernel_kobj, &squat_attr.attr);
}

static void __exit squat_exit(void)
{
	sysfs_remove_file(kernel_kobj, &squat_attr.attr);
}

module_init(squat_init);
module_exit(squat_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Takes the name that kheaders needs");
