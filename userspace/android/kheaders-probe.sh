#!/system/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Check whether this device's kernel carries its headers.  This script runs with toybox and mksh
# or any other POSIX shell, needs no /tmp and writes no files.
#
#/ Usage: kheaders-probe.sh
#/
#/ Print one line per finding.  If the file does not exist, load the module kheaders from
#/ Android's directories of modules.
#/
#/ Exit status: 0 the file exists and starts like xz; 1 it exists, but this user cannot
#/ read it, which VTS accepts; 2 usage error; 3 it does not exist, and no module
#/ provides it.

file=${KHEADERS_FILE:-/sys/kernel/kheaders.tar.xz}
directories=${KHEADERS_DIRECTORIES:-"/system_dlkm/lib/modules /vendor_dlkm/lib/modules
	/odm_dlkm/lib/modules /vendor/lib/modules /lib/modules"}

if [ $# -ne 0 ]; then
	sed -n 's|^#/ \{0,1\}||p' "$0" >&2
	exit 2
fi

# GKI's modules are in a directory named after the release, or directly below these directories,
# and there in kernel/ or not.
find_module() {
	for dir in $directories; do
		for base in "$dir/$(uname -r)" "$dir"; do
			for module in "$base"/kheaders.ko "$base"/*/kheaders.ko \
				"$base"/*/*/kheaders.ko "$base"/*/*/*/kheaders.ko \
				"$base"/*/*/*/*/kheaders.ko; do
				[ -f "$module" ] || continue
				echo "$module"
				return 0
			done
		done
	done
	return 1
}

load() {
	module=$(find_module) || {
		# shellcheck disable=SC2086	# print single blanks
		echo "module: none in" $directories
		return 1
	}
	echo "module: $module"
	insmod "$module" && return 0
	echo "module: does not load"
	return 1
}

echo "kernel: $(uname -r)"
if [ ! -e "$file" ]; then
	echo "file: does not exist yet"
	load
	if [ ! -e "$file" ]; then
		echo "file: does not exist"
		exit 3
	fi
fi
# ls fails where SELinux hides the file, and prints the reason
# shellcheck disable=SC2046
set -- $(ls -ld "$file")
echo "file: $file, mode $1, $5 bytes"
# shellcheck disable=SC2046	# toybox has no tr: let the shell split the bytes
set -- $(head -c 6 "$file" 2> /dev/null | od -A n -t x1)
magic="$*"
case $magic in
'fd 37 7a 58 5a 00') echo "read: xz" ;;
# mksh sets USER_ID; toybox's id fails for a user without a name
'') echo "read: refused for user ${USER_ID:-$(id -u)}"; exit 1 ;;
*) echo "read: $magic is not xz"; exit 1 ;;
esac
