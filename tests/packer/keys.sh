#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# No private key is in the archive, whatever its format and the file that it is in; the scanner
# that looks for them finds keys of every format, planted in every way.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

find_keys=$top/tests/lib/find_keys.py

# The keys of DIR are made by the programs that people make keys with, each file named by the
# format that the scanner must report.
make_keys() {
	cd "$1" && openssl req -new -x509 -nodes -newkey rsa:2048 -subj /CN=test -keyout PEM.pkcs8 \
		-out "$tmp/public/cert.pem" &&
		openssl rsa -traditional -in PEM.pkcs8 -out PEM.rsa &&
		openssl rsa -traditional -in PEM.pkcs8 -outform DER -out PKCS#1.der &&
		openssl pkcs8 -topk8 -nocrypt -in PEM.pkcs8 -outform DER -out PKCS#8.rsa &&
		openssl pkcs8 -topk8 -passout pass:x -in PEM.pkcs8 -out PEM.encrypted &&
		openssl pkcs8 -topk8 -passout pass:x -in PEM.pkcs8 -outform DER \
			-out "encrypted PKCS#8.pbes2" &&
		openssl pkcs8 -topk8 -passout pass:x -in PEM.pkcs8 -outform DER \
			-v1 PBE-SHA1-3DES -out "encrypted PKCS#8.pbe" &&
		openssl pkcs12 -export -passout pass:x -inkey PEM.pkcs8 \
			-in "$tmp/public/cert.pem" -out PKCS#12.p12 &&
		openssl genpkey -algorithm ED25519 -outform DER -out PKCS#8.ed25519 &&
		openssl ecparam -name secp384r1 -genkey -noout -outform DER -out SEC1.p384 &&
		openssl dsaparam -genkey -noout -outform DER -out DSA.der 1024 &&
		ssh-keygen -q -t ed25519 -N '' -f PEM.openssh &&
		ssh-keygen -q -t rsa -b 1024 -N x -f PEM.openssh_rsa && mv ./*.pub "$tmp/public" &&
		sed '/^-/d' PEM.openssh | base64 -d > OpenSSH.binary
}

# gpg's, whose files have packets.
make_gpg_keys() {
	export GNUPGHOME="$tmp/gnupg"
	mkdir -m 700 "$GNUPGHOME"
	for algorithm in rsa1024 nistp256 ed25519; do
		gpg --batch -q --passphrase x --pinentry-mode loopback \
			--quick-generate-key "$algorithm" "$algorithm" sign &&
			gpg --batch -q --passphrase x --pinentry-mode loopback \
			--export-secret-keys "$algorithm" > "$1/GnuPG.$algorithm" &&
			gpg --batch --export "$algorithm" > "$tmp/public/$algorithm.gpg" || return 1
	done
	gpg --batch --passphrase x --pinentry-mode loopback --armor --export-secret-keys rsa1024 \
		> "$1/PEM.gpg" &&
		cp "$(find "$GNUPGHOME/private-keys-v1.d" -name '*.key' | sed 1q)" "$1/GnuPG.agent"
	rc=$?
	gpgconf --kill all
	return "$rc"
}

make_all_keys() {
	mkdir "$tmp/keys" "$tmp/public"
	( make_keys "$tmp/keys" ) && make_gpg_keys "$tmp/keys"
}

# binary FILE: is it not text?
binary() {
	! grep -q -I . "$1"
}

# Plant each key in a tree: as a file, in a program, compressed, and those that are binary
# in base64 and as a C array.
plant() {
	mkdir "$tmp/tree"
	for key in "$tmp"/keys/*; do
		name=$tmp/tree/${key##*/}
		cp "$key" "$name,file" &&
			{ head -c 4099 "$program"; cat "$key"; tail -c 4099 "$program"; } \
			> "$name,program" &&
			{ echo "/* x */"; gzip -c "$key"; } > "$name,gzip" &&
			xz -c "$key" > "$name,xz" && bzip2 -c "$key" > "$name,bzip2" || return 1
		binary "$key" || continue
		{ echo 'char *key ='; base64 "$key" | sed 's/.*/	"&\\n"/'; echo ';'; } \
			> "$name,base64" &&
			{ echo 'char key[] = {'; od -An -v -tx1 "$key" | sed 's/ \(..\)/ 0x\1,/g'
				echo '};'; } > "$name,array" || return 1
	done
}

# missed FILE TREE: the files of TREE whose format is not in FILE, the scanner's output
missed() {
	( cd "$2" && find . -type f ) | while read -r name; do
		format=${name#./}
		grep -q -x -F -e "${3:-}$name: ${format%%.*}" "$1" || echo "$name"
	done
}

planted_are_found() {
	plant && tar -C "$tmp/tree" -cf "$tmp/planted.tar" . || return 1
	"$find_keys" "$tmp/planted.tar" > "$tmp/found"
	[ $? -eq 1 ] || return 1
	missed "$tmp/found" "$tmp/tree" "$tmp/planted.tar: " > "$tmp/missed"
	show "$tmp/missed"
	ktap_print_msg "$(find "$tmp/tree" -type f | wc -l) files with keys"
	[ ! -s "$tmp/missed" ] && [ -s "$tmp/found" ]
}

# Certificates, public keys and signatures are no private keys.
public_are_not() {
	( cd "$tmp/public" && openssl x509 -in cert.pem -outform DER -out cert.der &&
		openssl x509 -in cert.pem -pubkey -noout -out public.pem &&
		openssl smime -sign -binary -nodetach -in public.pem -signer cert.pem \
			-inkey "$tmp/keys/PEM.pkcs8" -outform DER -out signature.p7 ) || return 1
	[ "$(find "$tmp/public" -type f | wc -l)" -ge 8 ] && quiet "$find_keys" "$tmp"/public/*
}

none_in_archive() {
	quiet "$find_keys" "$archive"
}

ktap_print_header
need_kernel
share_archive || ktap_exit_fail_msg "no archive to test"
quiet make_all_keys || ktap_exit_fail_msg "no keys to test with"
program=/bin/true
ktap_set_plan 3
ktap_test_result "planted keys are found, in every format and in every way" planted_are_found
ktap_test_result "certificates, public keys and signatures are not taken for keys" public_are_not
ktap_test_result "the archive has no key" none_in_archive
ktap_finished
