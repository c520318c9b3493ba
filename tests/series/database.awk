# SPDX-License-Identifier: GPL-2.0
#
# Print what "make -p" knows of a makefile, a fact a line: "v" variable and word, "d" target
# and prerequisite, "f" target and its first prerequisite, "r" target and a line of recipe.
# Its place in the makefile is left out.

/^# (makefile|automatic)/ {
	is_own = /^# makefile/
	next
}
/^# Files|^# Implicit Rules|^# Pattern-specific/ {
	has_rules = 1
	next
}
/^define / && !has_rules {
	name = is_own ? $2 : ""
	in_define = 1
	next
}
in_define {
	if (/^endef/)
		in_define = is_own = 0
	else if (name != "")
		print "v", name, $0
	next
}
!has_rules && is_own && /^[^#\t ]+ [:?+!]*=/ {
	name = $1
	if (NF == 2)
		print "v", name
	for (i = 3; i <= NF; i++)
		print "v", name, $i
	is_own = 0
	next
}
!has_rules { next }
/^\t/ {
	print "r", target, $0
	next
}
/^[^# \t][^=]*:/ {
	target = $1
	sub(/:+$/, "", target)
	if (NF > 1)
		print "f", target, $2
	for (i = 2; i <= NF; i++)
		print "d", target, $i
}
