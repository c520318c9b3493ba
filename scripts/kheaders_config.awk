# SPDX-License-Identifier: GPL-2.0
#
# Prepare .config, auto.conf or autoconf.h for the archive.
#
# Usage: awk -f kheaders_config.awk ORDER FILE
#
# Prints FILE with its options in the order of ORDER, a .config or /dev/null: the order
# of auto.conf means nothing to make, and that of .config saves 12 kB.

function option(line) {
	sub(/=.*/, "", line)
	return line
}

# Options that name files of the machine that builds: no module needs them.
function hide(line) {
	if (line ~ /^(#define )?CONFIG_(MODULE_SIG_KEY|SYSTEM_TRUSTED_KEYS|SYSTEM_REVOCATION_KEYS|INITRAMFS_SOURCE|EXTRA_FIRMWARE_DIR|SYSTEM_BLACKLIST_HASH_LIST|EFI_SBAT_FILE|UNUSED_KSYMS_WHITELIST)[ =]"?\/.*"/)
		sub(/".*/, "\"\"", line)
	return line
}

FILENAME == ARGV[1] {
	place[option($0)] = FNR
	places = FNR
	next
}

!(option($0) in place) {
	print hide($0)
	next
}

{
	n = place[option($0)]
	text[n] = text[n] hide($0) "\n"
}

END {
	for (n = 1; n <= places; n++)
		printf "%s", text[n]
}
