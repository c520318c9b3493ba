# SPDX-License-Identifier: GPL-2.0
# Print the matches that the completion function in the file $1 offers.

compdef() { :; }
_files() { print -r -- "files $*"; }
_describe() { print -rl -- "${(@P)2}"; }

try() {
	words=(kheaders "$@")
	CURRENT=$#words
	PREFIX=$words[-1]
	source $file
}

file=$1
try ex
try extract --f
try remove --o
try extract --archive x
