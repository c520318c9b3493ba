# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Shared by the scripts in vm/, bench/, packaging/ and patches/, and by the tests; source it.

# shellcheck disable=SC2034	# used by the scripts that source this file
cache=${KHEADERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kheaders}

usage() {
	sed -n 's|^#/ \{0,1\}||p' "$0"
}

# die OBJECT MESSAGE
die() {
	printf '%s: %s: %s\n' "${0##*/}" "$1" "$2" >&2
	exit 1
}

# say MESSAGE: tell a waiting person what is being done
say() {
	printf '%s\n' "$*" >&2
}

# read_arch FILE ARCH: set the variables of an architecture's row in FILE, vm/arches
# shellcheck disable=SC2034	# used by the scripts that call this
read_arch() {
	srcarch='' cross_compile='' flavour='' image=''
	qemu='' machine='' cpu='' tty='' emulator='' cpus=2 ram=1024 first=6.1 qemu_of='' bios=''
	row=$(awk -v arch="$2" '
	/^#/ || !NF { next }
	/^[^ \t]/ { mine = $1 == arch; $1 = "" }
	mine' "$1")
	eval "$row"
	[ -n "$row" ]
}

# need_debian: die unless the machine has Debian's package tools
need_debian() {
	command -v apt-get > /dev/null && command -v dpkg > /dev/null && return
	die "apt and dpkg" "not found; the demo and the tests run on Debian 12 or later, or in a \
container of it (install podman by dnf, pacman or zypper)"
}

# need_namespaces: die unless this user can mount what other processes do not see
need_namespaces() {
	set -- -m
	[ "$(id -u)" -eq 0 ] || set -- -r -m
	why=$(unshare "$@" sh -c : 2>&1) && return
	die unshare "${why#unshare: }; in a container that needs --privileged, and in a chroot its \
directory must be a mount: 'mount --bind DIR DIR' first"
}

# apt_private COMMAND...: run apt-get or apt-cache for $arch on the apt state of a kernel series
# in the cache, $apt.  The mirror may be frozen, hence no check of its age.
# shellcheck disable=SC2154	# the caller sets them
apt_private() {
	command=$1
	shift
	# without this apt prefers the suite below the backports
	case ${suite:-} in
	*-backports) set -- -o APT::Default-Release="$suite" "$@" ;;
	esac
	"$command" -q -o Dir::State="$apt" -o Dir::State::status=/dev/null \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" \
		-o Dir::Etc::sourcelist="$apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root "$@"
}

# debian_root SUITE DIR SOURCES OPTION...: make a root file system for $arch in DIR, which is
# removed first, by mmdebstrap with more options; SOURCES is a sources.list
debian_root() {
	codename=$1
	dir=$2
	sources=$3
	shift 3
	command -v mmdebstrap > /dev/null || die mmdebstrap "not installed; run 'vm/deps guest'"
	rm -rf --one-file-system "$dir"
	# It mounts this machine's /dev/shm in DIR.  If it is killed, its mounts must go, too,
	# before somebody removes DIR with all that is in it.
	namespace=
	need_namespaces
	[ "$(id -u)" -ne 0 ] || namespace="unshare -m"
	# It has sh write to a descriptor of its own, and dash knows none above 9, so pass none on.
	# shellcheck disable=SC2086	# words
	$namespace mmdebstrap --architectures="$arch" \
		--aptopt='Acquire::Check-Valid-Until "false"' --dpkgopt=force-unsafe-io \
		"$@" "$codename" "$dir" "$sources" \
		> "$dir.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- && return
	cat "$dir.log" >&2
	die "$codename" "mmdebstrap failed"
}
