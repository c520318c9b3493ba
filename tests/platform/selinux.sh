#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Compile the SELinux policy for Android as Android does, with a minimum of Android's own policy
# around it, query it by setools, and load it into a kernel that enforces it.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

sepolicy=$top/userspace/android/sepolicy

# The part of Android's policy before the *.te files.  The kernel allows classes and permissions
# that are missing here (checkpolicy -U allow).
policy_head() {
	cat <<- 'END'
		class process
		class dir
		class file
	END
	# the kernel knows them by number
	for sid in kernel security unlabeled fs file file_labels init any_socket port netif \
		   netmsg node igmp_packet icmp_socket tcp_socket sysctl_modprobe sysctl \
		   sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm sysctl_dev \
		   kmod policy scmp_packet devnull; do
		echo "sid $sid"
	done
	cat <<- 'END'
		class process { transition dyntransition }
		class dir { search }
		class file { getattr open read ioctl lock map watch watch_reads write append
			create unlink execute execute_no_trans entrypoint }
		sensitivity s0;
		dominance { s0 }
		category c0;
		level s0:c0;
		mlsconstrain file { read } (l1 dom l2);
		define(`r_file_perms', `{ getattr open read ioctl lock map watch watch_reads }')
		attribute domain; attribute coredomain; attribute all_untrusted_apps;
		attribute file_type; attribute fs_type; attribute sysfs_type;
		type kernel, domain, coredomain;
		type init, domain, coredomain;
		type shell, domain, coredomain;
		type dumpstate, domain, coredomain;
		type untrusted_app, domain, all_untrusted_apps;
		type sysfs, fs_type, sysfs_type;
		type unlabeled, file_type;
		allow kernel { fs_type file_type }:file *;
		allow kernel { fs_type file_type }:dir *;
		allow kernel domain:process *;
		allow domain { sysfs unlabeled }:dir search;
		allow domain unlabeled:file *;
		allow domain self:file *;
		allow domain self:dir search;
		neverallow all_untrusted_apps sysfs_type:file { write append create execute };
		neverallow { coredomain -kernel -init } sysfs:file { open read write };
	END
}

# The part after them.
policy_tail() {
	echo 'role r; role r types domain; user u roles r level s0 range s0 - s0:c0;'
	policy_head | sed -n 's/^sid \(.*\)/sid \1 u:object_r:unlabeled:s0/p' |
		sed 's/^sid kernel .*/sid kernel u:r:kernel:s0/'
	echo 'genfscon sysfs / u:object_r:sysfs:s0'
}

# compile DIR: compile its fragment to $tmp/policy, and by way of CIL to $tmp/policy.of_cil
compile() {
	rm -f "$tmp/policy" "$tmp/policy.of_cil"
	{ policy_head; cat "$1"/*.te; policy_tail; cat "$1/genfs_contexts"; } |
		m4 -s > "$tmp/policy.conf" &&
		quiet checkpolicy -M -U allow -c 30 -o "$tmp/policy" "$tmp/policy.conf" &&
		quiet checkpolicy -M -C -U allow -c 30 -o "$tmp/policy.cil" "$tmp/policy.conf" &&
		quiet secilc -M true -U allow -c 30 -o "$tmp/policy.of_cil" -f /dev/null \
			"$tmp/policy.cil"
}

compiled() {
	compile "$sepolicy"
}

# is WANT COMMAND...: its sorted output for both policies is WANT
is() {
	want=$1
	shift
	for policy in "$tmp/policy" "$tmp/policy.of_cil"; do
		"$@" "$policy" 2>&1 | sed 's/^ *//' | grep -v -e '^$' -e '^[A-Z][a-z]*: ' |
			sort > "$tmp/output"
		[ "$(cat "$tmp/output")" = "$want" ] && continue
		ktap_print_msg "$*"
		show "$tmp/output"
		return 1
	done
}

# rules POLICY: what it allows on the file, without the kernel's own rule
rules() {
	sesearch -A -t sysfs_kheaders -c file "$1" | grep -v '^allow kernel '
}

labelled() {
	is 'genfscon sysfs /  u:object_r:sysfs:s0
genfscon sysfs /kernel/kheaders.tar.xz  u:object_r:sysfs_kheaders:s0' seinfo --genfscon=sysfs
}

# Android's own tests demand sysfs_type of every file in sysfs.
typed() {
	is 'type sysfs_kheaders, fs_type, sysfs_type;' seinfo -x --type=sysfs_kheaders
}

allowed() {
	rights='{ getattr ioctl lock map open read watch watch_reads }'
	is "allow dumpstate sysfs_kheaders:file $rights;
allow shell sysfs_kheaders:file $rights;" rules
}

holds() {
	compile "$1" && labelled && typed && allowed
}

# Each of these changes must make one of the checks above fail.
broken() {
	holds "$sepolicy" || return 1
	for change in 's,kernel/,kernel/x/,' 's/^genfscon/#&/' 's/, sysfs_type//' \
		's/^allow/#&/' 's/dumpstate/init/' 's/r_file_perms/{ read write }/' \
		's/dumpstate/untrusted_app/;s/r_file_perms/{ read write }/' \
		's/sysfs_kheaders:file/sysfs:file/' 's/;//' 's/r_file_perms/r_file_prems/'; do
		rm -rf "$tmp/broken"
		cp -r "$sepolicy" "$tmp/broken"
		sed -i "$change" "$tmp/broken"/*
		holds "$tmp/broken" > "$tmp/holds" 2>&1 || continue
		ktap_print_msg "not noticed: $change"
		return 1
	done
	compile "$sepolicy"
}

enforced=$(cat "$here/selinux_guest")

in_the_kernel() {
	mkdir -p "$tmp/share" && cp "$built/kheaders.ko" "$tmp/policy" "$tmp/share" &&
		"$top/vm/mkinitramfs" "$kernel" "$tmp/initramfs" ls runcon head &&
		"$top/vm/run" -k "$kernel" -i "$tmp/initramfs" -s "$tmp/share" \
			-a "security=selinux selinux=1" "$enforced" > "$tmp/guest" 2>&1
	rc=$?
	show "$tmp/guest"
	[ "$rc" -eq 0 ]
}

# guest_printed REGEX: it matches a whole line of the guest's output
guest_printed() {
	grep -q -x -e "$1" "$tmp/guest"
}

kernel_labels() {
	in_the_kernel &&
		guest_printed 'label: u:object_r:sysfs_kheaders:s0 /sys/kernel/kheaders.tar.xz'
}

readers_read() {
	guest_printed 'shell: 0 fd 37 7a 58 5a 00 ' &&
		guest_printed 'dumpstate: 0 fd 37 7a 58 5a 00 '
}

apps_do_not() {
	guest_printed 'untrusted_app: [1-9].*' &&
		guest_printed 'avc: *denied .* tcontext=u:object_r:sysfs_kheaders:s0 tclass=file .*'
}

ktap_print_header
need_kernel
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
ktap_set_plan 8
ktap_test_result "the policy compiles, directly and by way of CIL" compiled
ktap_test_result "the file has its label" labelled
ktap_test_result "the label has Android's attributes" typed
ktap_test_result "only the shell and bug reports may read it" allowed
ktap_test_result "each break of the policy is noticed" broken
ktap_test_result "an enforcing kernel labels the file" kernel_labels
ktap_test_result "the shell and bug reports read it" readers_read
ktap_test_result "apps cannot read it" apps_do_not
ktap_finished
