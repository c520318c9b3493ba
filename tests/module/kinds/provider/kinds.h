/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KINDS_H
#define KINDS_H

#include <linux/linkage.h>
#include <linux/wait.h>

struct net_device;
struct task_struct;

struct kinds {
	wait_queue_head_t *queue;
	unsigned long size;
};

extern struct kinds kinds_shared;
unsigned long kinds_count(struct task_struct *task, struct net_device *dev);
asmlinkage unsigned long kinds_twice(unsigned long n);

#endif
