// SPDX-License-Identifier: GPL-2.0
/*
 * A small but real module: it needs large headers, inline functions that depend on the
 * configuration, and exported symbols with versions.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/utsname.h>

/* Never called: the kernel must only find the symbol, with the right version. */
static int (*receive)(struct sk_buff *skb) = netif_receive_skb;

static int __init kheaders_test_init(void)
{
	struct task_struct *task;
	struct net_device *dev;
	int processes = 0, devices = 0;

	rcu_read_lock();
	for_each_process(task)
		processes++;
	for_each_netdev_rcu(&init_net, dev)
		devices++;
	rcu_read_unlock();
	pr_info("kheaders_test: %d processes on %s, %d net devices, %ps\n",
		processes, init_utsname()->release, devices, receive);
	return 0;
}

static void __exit kheaders_test_exit(void)
{
	pr_info("kheaders_test: unloaded\n");
}

module_init(kheaders_test_init);
module_exit(kheaders_test_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test module built from kheaders.tar.xz");
