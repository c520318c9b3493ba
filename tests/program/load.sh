#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders loads the module that provides the archive, and unloads it: with libkmod, and with
# modprobe as the static program does.  No module is loaded on this machine: strace answers in
# place of the kernel, and a script in place of modprobe.

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

module=/lib/modules/$running/kernel/kheaders.ko

# Build the other program from the objects of the first.
need_both_programs() {
	[ -z "${KHEADERS_PROGRAM:-}" ] || ktap_skip_all "needs the objects of the program"
	need_program
	kmod=$program
	modprobe=$tmp/build/kheaders
	cp -a "$top/build/program" "$tmp/build" && rm -f "$modprobe" || return 1
	quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" objects="$(
		find "$top/userspace" -name '*.c' ! -name module_kmod.c -printf "$tmp/build/%f " |
			sed 's/\.c /.o /g')"
}

# A machine with the module, not loaded.
with_module() {
	not_loaded && cp "$tmp/kheaders.ko" "$module" &&
		: > "/lib/modules/$running/modules.builtin" &&
		: > "/lib/modules/$running/modules.order" && quiet depmod "$running"
}

not_loaded() {
	umount -l /sys/module 2> /dev/null
	machine && mount -t tmpfs -o mode=755 kheaders-test /sys/module
}

# loaded: as the kernel shows it
loaded() {
	mkdir /sys/module/kheaders && echo live > /sys/module/kheaders/initstate
}

# Build it in instead.
built_in() {
	not_loaded && echo kernel/lib/kheaders.ko > "/lib/modules/$running/modules.builtin" &&
		: > "/lib/modules/$running/modules.order" && quiet depmod "$running"
}

# shellcheck disable=SC2034	# disturbed() reads it
traced=finit_module,delete_module

# calls CALL NUMBER: the program made that many
calls() {
	[ "$(grep -c " $1(" "$tmp/trace")" -eq "$2" ] && return
	show "$tmp/trace"
	return 1
}

# appears: the archive, once the program has tried to load the module
appears() {
	rm -f "$tmp/trace"
	{
		until grep -q -s finit_module "$tmp/trace" || [ ! -e "$tmp" ]; do
			sleep .02
		done
		shows
	} &
}

# shows: the kernel shows the whole archive at once
shows() {
	cp "$tmp/a" "$sysfs.new" && chmod 444 "$sysfs.new" && mv "$sysfs.new" "$sysfs"
}

# each attempt takes a while, so that the archive appears long before the last
slow=delay_exit=50000

states() {
	not_loaded && run 3 status && prints "module:  none" && run 3 extract &&
		prints "no module kheaders for this kernel" && with_module && run 0 status &&
		prints "module:  available" && loaded && run 0 status && prints "module:  loaded" &&
		built_in && run 0 status && prints "module:  built in" && run 1 extract &&
		prints "kheaders is built in; is /sys mounted?" && not_loaded || return 1
	# modules whose names only resemble it
	for name in kheader.ko xkheaders.ko; do
		echo "kernel/$name:" >> "/lib/modules/$running/modules.dep"
		echo "kernel/kheaders.ko/$name" >> "/lib/modules/$running/modules.builtin"
	done
	run 3 status && prints "module:  none"
}

kmod_loads() {
	program=$kmod
	with_module && appears
	disturbed "finit_module:retval=0:$slow" delete_module:retval=0 -- 0 extract &&
		linked "$cache_tree" && calls delete_module 1 &&
		grep -q 'delete_module("kheaders", O_NONBLOCK' "$tmp/trace" || return 1
	with_module && appears
	disturbed "finit_module:retval=0:$slow" -- 0 extract --keep-module &&
		calls delete_module 0 || return 1
	for error in EAGAIN EBUSY ENOENT; do
		with_module && appears
		disturbed "finit_module:retval=0:$slow" "delete_module:error=$error" -- 0 extract ||
			return 1
	done
	with_module && appears
	disturbed "finit_module:retval=0:$slow" delete_module:error=EIO -- 1 extract &&
		prints "kheaders: the module cannot be unloaded: Input/output error"
}

# Without memory for libkmod, to load the module and to unload it
no_kmod() {
	program=$kmod
	cat > "$tmp/kmod.c" <<- 'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <stdlib.h>

		void *kmod_new(void *directory, void *files)
		{
			void *(*new)(void *, void *) = dlsym(RTLD_NEXT, "kmod_new");
			static int calls;

			return ++calls < atoi(getenv("FAILS")) ? new(directory, files) : NULL;
		}
	END
	cc -shared -fPIC -o "$tmp/kmod.so" "$tmp/kmod.c" || return 1
	for FAILS in 1 2; do
		with_module || return 1
		[ "$FAILS" -eq 1 ] || appears
		(
			export FAILS LD_PRELOAD="$tmp/kmod.so"
			disturbed "finit_module:retval=0:$slow" -- 1 extract
		) && prints "kheaders: libkmod cannot be initialized" &&
			calls finit_module "$((FAILS - 1))" || return 1
	done
}

# Another process loads or unloads it: wait, and leave it alone.
kmod_waits() {
	program=$kmod
	for error in EEXIST EBUSY; do
		with_module && appears
		disturbed "finit_module:error=$error" -- 0 extract && linked "$cache_tree" &&
			calls delete_module 0 &&
			[ "$(grep -c finit_module "$tmp/trace")" -lt 20 ] ||
			return 1
	done
	with_module && disturbed finit_module:error=EPERM -- 1 extract &&
		prints "kheaders: the module cannot be loaded: Operation not permitted" &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] && calls finit_module 1 && linked
}

# modprobe_does COMMANDS: in its place
modprobe_does() {
	umount -l /usr/local/sbin 2> /dev/null
	mount -t tmpfs -o mode=755 kheaders-test /usr/local/sbin &&
		put /usr/local/sbin/modprobe "#!/bin/sh
echo \"\$*\" > $tmp/arguments
$1" && chmod 755 /usr/local/sbin/modprobe
}

modprobe_loads() {
	program=$modprobe
	with_module && modprobe_does "cp $tmp/a $sysfs" &&
		disturbed delete_module:retval=0 -- 0 extract && calls delete_module 1 &&
		grep -q 'delete_module("kheaders", O_NONBLOCK' "$tmp/trace" &&
		[ "$(cat "$tmp/arguments")" = kheaders ] && linked "$cache_tree" || return 1
	for error in EAGAIN EBUSY ENOENT; do
		with_module && disturbed "delete_module:error=$error" -- 0 extract || return 1
	done
	with_module && disturbed delete_module:error=EIO -- 1 extract &&
		prints "kheaders: the module cannot be unloaded: Input/output error" || return 1
	with_module && modprobe_does "exit 1" && run 1 extract &&
		prints "modprobe: failed with status 1" && [ "$(wc -l < "$tmp/output")" -eq 1 ] ||
		return 1
	with_module && modprobe_does "exit 1" && loaded || return 1
	{
		sleep .1
		shows
	} &
	disturbed delete_module:retval=0 -- 0 extract && calls delete_module 0
}

# What is loaded, but never shows its archive: given up after 200 attempts
given_up() {
	with_module && disturbed finit_module:retval=0 delete_module:retval=0 -- 1 extract &&
		prints "though the module kheaders is loaded; is /sys mounted" &&
		calls finit_module 200 && calls delete_module 1
}

# with PROGRAM FUNCTION
with() {
	program=$1
	"$2"
}

ktap_print_header
need_both_programs || ktap_exit_fail_msg "the program with modprobe does not build"
archive "$tmp/a" "$running"
echo '__attribute__((section(".modinfo"), used)) static const char name[] = "name=kheaders";' |
	cc -x c -c -o "$tmp/kheaders.ko" - || ktap_exit_fail_msg "no module"
ktap_set_plan 7
ktap_test_result "states of the module, libkmod" with "$kmod" states
ktap_test_result "states of the module, modprobe" with "$modprobe" states
ktap_test_result "libkmod loads and unloads it" kmod_loads
ktap_test_result "libkmod cannot be used" no_kmod
ktap_test_result "another process loads or unloads it" kmod_waits
ktap_test_result "modprobe loads it" modprobe_loads
ktap_test_result "the archive never appears" with "$kmod" given_up
ktap_finished
