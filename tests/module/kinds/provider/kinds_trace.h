/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kinds

#if !defined(KINDS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KINDS_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(kinds_count,
	TP_PROTO(struct task_struct *task, struct net_device *dev, unsigned long n),
	TP_ARGS(task, dev, n),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(unsigned long, n)
	),
	TP_fast_assign(
		__entry->pid = task->pid;
		__entry->n = n;
	),
	TP_printk("pid=%d n=%lu", __entry->pid, __entry->n)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE kinds_trace
#include <trace/define_trace.h>
