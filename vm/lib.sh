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

# private COMMAND...: apt-get or apt-cache on the state of a kernel line in the cache,
# $apt, for $arch.  A mirror may be frozen, hence no check of how old it is.
# shellcheck disable=SC2154	# they are the caller's
private() {
	command=$1
	shift
	"$command" -q -o Dir::State="$apt" -o Dir::State::status=/dev/null \
		-o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" \
		-o Dir::Etc::sourcelist="$apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root "$@"
}
