#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# make install installs all files to the right directories, and make uninstall removes them.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# A tree with a kernel, whose index of modules is kept up to date.
installs() {
	put "$tmp/dest/lib/modules/$(cat "$kernel/release")/modules.dep" "" || return 1
	# the compiler of the module may be where the program's libraries are not
	quiet kmake -C "$top" KDIR="$kernel/kdir" BUILDDIR="$tmp/build" DESTDIR="$tmp/dest" \
		install-module &&
		quiet make -s -C "$top" -o install-module BUILDDIR="$tmp/build" \
			DESTDIR="$tmp/dest" PREFIX=/usr install || return 1
	( cd "$tmp/dest" && find . -type f | sed "s,/$(cat "$kernel/release")/,/R/," | sort ) \
		> "$tmp/files"
	for file in ./etc/init.d/kheaders ./usr/sbin/kheaders ./usr/bin/kheaders-adb \
		    ./usr/bin/kheaders-ssh ./usr/share/kheaders/kheaders-probe.sh \
		    ./usr/share/man/man1/kheaders-ssh.1 \
		    ./usr/lib/systemd/system/kheaders.service \
		    ./usr/lib/tmpfiles.d/kheaders.conf ./usr/share/man/man8/kheaders.8 \
		    ./usr/share/bash-completion/completions/kheaders \
		    ./usr/share/zsh/site-functions/_kheaders ./etc/default/kheaders \
		    ./usr/share/fish/vendor_completions.d/kheaders.fish; do
		grep -q -x -F "$file" "$tmp/files" && continue
		ktap_print_msg "$file: missing"
		return 1
	done
	indexed && grep -q '^./lib/modules/R/\(extra\|updates\)/kheaders.ko' "$tmp/files" &&
		! grep -r @sbindir@ "$tmp/dest"
}

runs() {
	[ "$("$tmp/dest/usr/sbin/kheaders" --version)" = "kheaders $(cat "$top/VERSION")" ]
}

man_is_clean() {
	quiet groff -man -Tutf8 -ww -z "$top/userspace/kheaders.8" && [ ! -s "$tmp/output" ]
}

# With and without the drop-ins, for a read-only /usr and for debuginfod.
unit_is_clean() {
	dropin=$tmp/dest/usr/lib/systemd/system/kheaders.service.d
	for conf in sysext debuginfod; do
		mkdir -p "$dropin" && sed "s,=/usr/sbin/kheaders,=$tmp/dest/usr/sbin/kheaders," \
			"$tmp/dest/usr/share/doc/kheaders/$conf.conf" > "$dropin/$conf.conf" &&
			plain_unit_is_clean && rm -r "$dropin" || return 1
	done
	plain_unit_is_clean
}

plain_unit_is_clean() {
	sed -i "s,=/usr/sbin/kheaders,=$tmp/dest/usr/sbin/kheaders," \
		"$tmp/dest/usr/lib/systemd/system/kheaders.service"
	SYSTEMD_UNIT_PATH=$tmp/dest/usr/lib/systemd/system: systemd-analyze verify --man=no \
		"$tmp/dest/usr/lib/systemd/system/kheaders.service" > "$tmp/output" 2>&1
	! grep kheaders.service "$tmp/output" || return 1
	systemd-analyze security --offline=true --threshold=30 \
		"$tmp/dest/usr/lib/systemd/system/kheaders.service" > "$tmp/output" 2>&1
	rc=$?
	tail -n 2 "$tmp/output" | show
	return "$rc"
}

# Options that the administrator changed survive an uninstall and another install.
keeps_options() {
	echo 'KHEADERS_OPTIONS="--tmpfs"' > "$tmp/dest/etc/default/kheaders"
	for target in install uninstall; do
		quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build/userspace" \
			DESTDIR="$tmp/dest" PREFIX=/usr "$target" || return 1
	done
	grep -q tmpfs "$tmp/dest/etc/default/kheaders.saved" && rm -r "$tmp/dest/etc/default" &&
		quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build/userspace" \
			DESTDIR="$tmp/dest" PREFIX=/usr install
}

# systemd-tmpfiles creates the directory and does not age its content, including dot files.
# With the example it also copies the archive for containers, and creates the build link.
tmpfiles() {
	root=$tmp/root
	mkdir -p "$root/etc/tmpfiles.d" "$root/usr/lib/tmpfiles.d" \
		"$root/usr/lib/modules/$(uname -r)" \
		"$root/sys/kernel" "$root/var/cache"
	ln -s usr/lib "$root/lib"
	cp /etc/passwd /etc/group "$root/etc"
	cp "$top/userspace/systemd/kheaders.tmpfiles" "$root/usr/lib/tmpfiles.d/kheaders.conf"
	echo "e /var/cache - - - 1s" > "$root/etc/tmpfiles.d/age.conf"
	quiet systemd-tmpfiles --root="$root" --create && [ -d "$root/var/cache/kheaders" ] ||
		return 1
	put "$root/var/cache/kheaders/R/include/a.h" x
	put "$root/var/cache/kheaders/R/.config" x
	put "$root/var/cache/kheaders/.kheaders-staging-1/a.h" x
	put "$root/var/cache/other" x
	find "$root/var/cache" -exec touch -a -m -d 2001-01-01 {} +
	find "$root/var/cache" | sort > "$tmp/before"
	sleep 2
	quiet systemd-tmpfiles --root="$root" --clean || return 1
	find "$root/var/cache" | sort | diff "$tmp/before" - | grep '^[<>]' > "$tmp/aged"
	[ "$(cat "$tmp/aged")" = "< $root/var/cache/other" ] || { show "$tmp/aged"; return 1; }
	cp "$top/userspace/systemd/example.tmpfiles" "$root/etc/tmpfiles.d/example.conf"
	for content in one two; do
		echo "$content" > "$root/sys/kernel/kheaders.tar.xz"
		quiet systemd-tmpfiles --root="$root" --boot --remove --create || return 1
		[ "$(cat "$root/var/lib/kheaders/kheaders.tar.xz")" = "$content" ] || return 1
	done
	[ "$(readlink "$root/usr/lib/modules/$(uname -r)/build")" = \
		"/var/cache/kheaders/$(uname -r)" ]
}

indexed() {
	grep -q '^[a-z]*/kheaders.ko' "$tmp/dest/lib/modules"/*/modules.dep
}

uninstalls() {
	quiet make -s -C "$top" BUILDDIR="$tmp/build" DESTDIR="$tmp/dest" PREFIX=/usr \
		uninstall && ! indexed &&
		rm "$tmp/dest/lib/modules"/*/modules.* &&
		[ -z "$(find "$tmp/dest" -type f)" ] && [ ! -e "$tmp/dest/usr" ]
}

init_script() {
	sed "s,@sbindir@,$tmp," "$top/userspace/init/kheaders" > "$tmp/init"
	sed -i "s,/etc/default/kheaders,$tmp/default,g" "$tmp/init"
	echo 'KHEADERS_OPTIONS="--tmpfs --no-link"' > "$tmp/default"
	printf '#!/bin/sh\necho "$*" > "%s/arguments"\n' "$tmp" > "$tmp/kheaders"
	chmod +x "$tmp/kheaders"
	sh "$tmp/init" start &&
		[ "$(cat "$tmp/arguments")" = "extract --quiet --tmpfs --no-link" ] ||
		return 1
	for status in 0 1 3; do
		printf '#!/bin/sh\necho why >&2\nexit %d\n' "$status" > "$tmp/kheaders"
		chmod +x "$tmp/kheaders"
		sh "$tmp/init" start 2> "$tmp/output"
		rc=$?
		[ "$rc" -eq "$((status % 3))" ] || return 1
		# 3 is not worth a message
		[ "$status" -eq 3 ] || grep -q '^why$' "$tmp/output" || return 1
		[ "$status" -ne 3 ] || [ ! -s "$tmp/output" ] || return 1
	done
	sh "$tmp/init" nonsense 2> /dev/null
	[ $? -eq 2 ]
}

ktap_print_header
need_kernel
ktap_set_plan 8
ktap_test_result "make install" installs
ktap_test_result "the program runs" runs
ktap_test_result "groff accepts the man page" man_is_clean
ktap_test_result "systemd-analyze accepts the unit" unit_is_clean
ktap_test_result "systemd-tmpfiles creates and keeps the right files" tmpfiles
ktap_test_result "changed options are kept" keeps_options
ktap_test_result "make uninstall removes everything" uninstalls
ktap_test_result "the init script" init_script
ktap_finished
