# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# bash completion of kheaders(8), with the words that the program prints.

_kheaders() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words takes=

	if [ "$COMP_CWORD" -eq 1 ]; then
		words=$(kheaders --complete | cut -f 1)
	else
		words=$(kheaders --complete "${COMP_WORDS[1]}")
		[ "$prev" != -o ] || prev=--output
		takes=$(awk -F '\t' -v word="$prev" '$1 == word { print $2 }' <<< "$words")
		if [ -z "$takes" ] && [ "${cur#-}" = "$cur" ]; then
			# no option precedes the operand
			takes=$(awk -F '\t' '$1 == "" { print $2 }' <<< "$words")
		fi
		words=$(cut -f 1 <<< "$words")
	fi
	case $takes in
	FILE) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	DIR) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
	esac
}

complete -o filenames -F _kheaders kheaders
