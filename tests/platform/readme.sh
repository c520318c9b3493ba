#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run README's commands in a copy of the project, as a reader would, and compare their output
# with README's.  These are the blocks after "test: readme host", run on this machine, and
# "test: readme guest", run in a guest that has the module at the same place.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/commands.sh
. "$(dirname "$0")/../lib/commands.sh"

# on_host NUMBER COMMAND
on_host() {
	( cd "$copy" && KDIR=$kernel/kdir "$top/vm/with-toolchain" "$series" sh -c "$2" ) \
		> "$tmp/output.$1" 2>&1 || {
		show "$tmp/output.$1"
		return 1
	}
	prints "$1" "$tmp/output.$1"
}

# Run all commands for the guest that follow each other in one guest: the first starts it.
# in_guest NUMBER
in_guest() {
	[ -e "$tmp/output.$1" ] || start_guest "$1" || return 1
	[ "$(tail -n 1 "$tmp/output.$1")" = "status 0" ] || {
		show "$tmp/output.$1"
		return 1
	}
	prints "$1" "$tmp/output.$1"
}

# The guest works in its memory: 6,000 files in the share would take minutes.  This machine
# extracts the same archive to the same place for the commands that follow.
start_guest() {
	{
		echo "echo root:x:0:0::/:/bin/sh > /etc/passwd; echo root:x:0: > /etc/group"
		echo "mkdir -p copy/build && cd copy && cp /share/build/kheaders.ko build"
		awk -v first="$1" 'NR >= first && $1 != "guest" { exit }
		NR >= first {
			sub(/^guest /, "")
			print "{ " $0 "\n} > /share/output." NR " 2>&1"
			print "echo status $? >> /share/output." NR
		}' "$tmp/commands"
	} > "$tmp/script"
	quiet "$top/vm/run" -k "$kernel" -s "$copy" -t 900 "$(cat "$tmp/script")" &&
		mv "$copy"/output.* "$tmp" && mkdir "$copy/tree" &&
		tar -xf "$copy/build/kheaders_data.tar.xz" -C "$copy/tree"
}

ktap_print_header
need_kernel
copy=$tmp/copy
mkdir "$copy"
( cd "$top" && { git ls-files 2> /dev/null || find . -type f; } | tar -cf - -T - ) |
	tar -xf - -C "$copy" || ktap_exit_fail_msg "the project cannot be copied"
read_commands README readme
[ "$(cut -d ' ' -f 1 "$tmp/commands" | sort -u | tr '\n' ' ')" = "guest host " ] ||
	ktap_exit_fail_msg "README: no commands for host and guest found"
ktap_set_plan "$(wc -l < "$tmp/commands")"
number=0
while read -r place command; do
	number=$((number + 1))
	case $place in
	host) ktap_test_result "$command" on_host "$number" "$command" ;;
	guest) ktap_test_result "in a guest: $command" in_guest "$number" ;;
	esac
done < "$tmp/commands"
ktap_finished
