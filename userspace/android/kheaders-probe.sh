#!/system/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Does this device's kernel carry its headers?  For toybox and mksh, and any other
# POSIX shell; needs no /tmp and writes nothing.
#
#/ Usage: kheaders-probe.sh
#/
#/ Says what it finds, a line each.  Loads the module kheaders from the folders that
#/ Android has modules in, if the file is not there.
#/
#/ Exit status: 0 the file is there and its first bytes are those of xz; 1 it is there
#/ and not readable for this user (VTS takes that for good); 2 misuse; 3 it is not
#/ there, and no module brings it.

file=${KHEADERS_FILE:-/sys/kernel/kheaders.tar.xz}
folders=${KHEADERS_FOLDERS:-"/system_dlkm/lib/modules /vendor_dlkm/lib/modules
	/odm_dlkm/lib/modules /vendor/lib/modules /lib/modules"}

if [ $# -ne 0 ]; then
	sed -n 's|^#/ \{0,1\}||p' "$0" >&2
	exit 2
fi

# GKI has its modules in a folder of the release or in none, and below kernel/.
find_module() {
	for folder in $folders; do
		for module in "$folder/$(uname -r)"/*/kheaders.ko "$folder"/kheaders.ko \
			"$folder"/*/kheaders.ko "$folder"/*/*/kheaders.ko \
			"$folder"/*/*/*/kheaders.ko "$folder"/*/*/*/*/kheaders.ko; do
			[ -f "$module" ] || continue
			echo "$module"
			return 0
		done
	done
	return 1
}

load() {
	module=$(find_module) || {
		# shellcheck disable=SC2086	# parted by one blank
		echo "module: none in" $folders
		return 1
	}
	echo "module: $module"
	insmod "$module" && return 0
	echo "module: does not load"
	return 1
}

echo "kernel: $(uname -r)"
if [ ! -e "$file" ]; then
	echo "file: not there yet"
	load
	if [ ! -e "$file" ]; then
		echo "file: not there"
		exit 3
	fi
fi
# ls fails where SELinux hides it, and says so better than we could
# shellcheck disable=SC2046
set -- $(ls -ld "$file")
echo "file: $file, mode $1, $5 bytes"
# shellcheck disable=SC2046	# toybox has no tr: the shell parts the bytes
set -- $(head -c 6 "$file" 2> /dev/null | od -A n -t x1)
magic="$*"
case $magic in
'fd 37 7a 58 5a 00') echo "read: xz" ;;
# mksh knows the user; toybox's id fails for one without a name
'') echo "read: refused for user ${USER_ID:-$(id -u)}"; exit 1 ;;
*) echo "read: $magic is not xz"; exit 1 ;;
esac
