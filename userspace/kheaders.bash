# SPDX-License-Identifier: GPL-2.0
# Completion of kheaders(8) for bash.

_kheaders() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words

	case $prev in
	--archive|--image|--output|-o)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--dest)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="status extract remove verify dump --help"
	else
		case ${COMP_WORDS[1]} in
		status) words="--json --help" ;;
		extract) words="--archive --dest --tmpfs --image --pch --link --no-link --keep-module --force --quiet --help" ;;
		remove) words="--old --quiet --help" ;;
		verify) words="--archive --dest --quiet --help" ;;
		dump) words="--output --help" ;;
		esac
	fi
	if [ "${COMP_WORDS[1]}" = dump ] && [ "${cur#-}" = "$cur" ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o filenames -F _kheaders kheaders
