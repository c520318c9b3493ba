# SPDX-License-Identifier: GPL-2.0
#
# Print the lines of a Kconfig file, each behind what it belongs to: the menus and
# conditions around it and the entry that it is of; status 1 for what is not Kconfig.

function around(i, text)
{
	for (i = 1; i <= depth; i++)
		text = text open[i] " > "
	return text
}

/^[ \t]*$/ { next }
/^(endmenu|endif|endchoice)/ {
	depth--
	entry = ""
}
/^(config|menuconfig|comment|source|menu|choice|if)([ \t]|$)/ { entry = $0 }
# no other words start a line
/^[a-z]/ && entry != $0 && !/^(endmenu|endif|endchoice|mainmenu)/ { exit 1 }
{ print around() entry ": " $0 }
/^(menu|choice|if)([ \t]|$)/ { open[++depth] = $0 }
