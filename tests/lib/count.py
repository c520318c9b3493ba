# SPDX-License-Identifier: GPL-2.0
#
# A bcc program that needs headers of the scheduler, files and sockets, attaches, and counts.

from bcc import BPF

b = BPF(text="""
#include <linux/sched.h>
#include <linux/fs.h>
#include <net/sock.h>
BPF_HASH(count, u32, u64);
int kprobe__do_sys_openat2(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 pid = task->tgid + 0 * sizeof(struct file) + 0 * sizeof(struct sock);

	count.increment(pid);
	return 0;
}
""")
open("/etc/passwd").read()
assert len(b["count"].items()) > 0
