// SPDX-License-Identifier: GPL-2.0
/* Call kinds_provider and print what it returns. */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <net/net_namespace.h>

#include "kinds.h"

static int __init kinds_init(void)
{
	pr_info("kinds_user: %lu, %s\n", kinds_count(current, init_net.loopback_dev),
		kinds_shared.size == sizeof(struct task_struct) ? "same size" : "another size");
	return 0;
}
module_init(kinds_init);

static void __exit kinds_exit(void)
{
}
module_exit(kinds_exit);

MODULE_DESCRIPTION("kheaders test: a module that uses another one's symbols");
MODULE_LICENSE("GPL");
