// SPDX-License-Identifier: GPL-2.0
/* Exports whose CRCs depend on large structures, and a tracepoint. */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/sched/signal.h>

#include "kinds.h"

#define CREATE_TRACE_POINTS
#include "kinds_trace.h"

/* Only W=1 complains about these: an unused constant, and @dev, which the
 * comment of kinds_count() does not describe.
 */
static const int kinds_unused = 1;

/**
 * kinds_count - twice the number of processes
 * @task: one of them
 *
 * Return: the number
 */
unsigned long kinds_count(struct task_struct *task, struct net_device *dev)
{
	unsigned long n = 0;
	struct task_struct *p;

	rcu_read_lock();
	for_each_process(p)
		n++;
	rcu_read_unlock();
	trace_kinds_count(task, dev, n);
	return kinds_twice(n);
}
EXPORT_SYMBOL_GPL(kinds_count);

struct kinds kinds_shared = { .size = sizeof(struct task_struct) };
EXPORT_SYMBOL(kinds_shared);

MODULE_DESCRIPTION("kheaders test: a module that exports symbols");
MODULE_LICENSE("GPL");
