# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the scripts in vm/ share; read with ".".

# shellcheck disable=SC2034	# for those who read this file
cache=${KHEADERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kheaders}

usage() {
	sed -n 's|^#/ \{0,1\}||p' "$0"
}

# die OBJECT MESSAGE
die() {
	printf '%s: %s: %s\n' "${0##*/}" "$1" "$2" >&2
	exit 1
}

# say MESSAGE: what is being done, for a person who waits
say() {
	printf '%s\n' "$*" >&2
}
