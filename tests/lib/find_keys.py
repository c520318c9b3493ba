#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Find private keys in files and in the members of tar archives.

Usage: find_keys.py FILE...

Knows PEM, DER of PKCS#1, PKCS#8, SEC1 and DSA, PKCS#12, OpenSSH and GnuPG, at any place in a
file, also compressed by gzip, bzip2 or xz, in base64 without its armor, and as the numbers of a
C array.  Prints "FILE: MEMBER: FORMAT" for each.  Exit status: 0 none found, 1 found.
"""
import base64
import bz2
import lzma
import re
import sys
import tarfile
import zlib

PLAIN = (
    ("PEM", re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")),
    ("OpenSSH", re.compile(rb"openssh-key-v1\0")),
    ("GnuPG", re.compile(rb"\((\d+:)?(protected-|shadowed-)?private-key[ (]")),
    ("PKCS#12", re.compile(rb"\x02\x01\x03\x30.{1,5}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07[\1\2]",
                           re.S)),
)
# A sequence that begins with the version 0 or 1, or with the algorithm that encrypts the key.
SEQUENCE = re.compile(rb"\x30(?:[\x08-\x7f]|\x81.|\x82..|\x83...)"
                      rb"(?:\x02\x01[\0\1](?=[\x02\x04\x30])"
                      rb"|(?=\x30.{1,4}\x06.\x2a\x86\x48))", re.S)
PKCS5 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05"
PKCS12 = b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"

# A secret key or subkey of version 4: its length, time and algorithm.
PACKET = re.compile(rb"(?:[\x94\x9c].|[\x95\x9d]..|[\xc5\xc7](?:[\0-\xbf]|[\xc0-\xdf].))"
                    rb"\x04.{4}([\x01-\x03\x10-\x13\x16])", re.S)
NUMBERS = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4}     # in the public part, by algorithm
CURVE = re.compile(rb"[\x05-\x0a](?:\x2b\x06\x01\x04\x01|\x2a\x86\x48\xce\x3d|\x2b\x81\x04"
                   rb"|\x2b\x24\x03)")

BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{40,}={0,2}(?:\\[nr]|[\s\"',*#|]){0,12})+"
                    rb"(?:[A-Za-z0-9+/]+={0,2})?")
HEXADECIMAL = re.compile(rb"(?:(?:0[xX]|\\x)?[0-9A-Fa-f]{2}[\s,\"]{0,12}){32,}")
# A run of these classes, which is found faster, is in what the two expressions match.
IS_BASE64 = bytes(ord("x") if chr(c).isalnum() and c < 128 or c in b"+/" else 0
                  for c in range(256))
IS_HEXADECIMAL = bytes(ord("x") if c in b"0123456789abcdefABCDEFxX\\" else 0 for c in range(256))
COMPRESSED = (
    (re.compile(rb"\x1f\x8b\x08"), lambda: zlib.decompressobj(31)),
    (re.compile(rb"\xfd7zXZ\0"), lzma.LZMADecompressor),
    (re.compile(rb"BZh[1-9]1AY&SY"), bz2.BZ2Decompressor),
)
DEEPEST = 3             # levels of encoding
LARGEST = 1 << 27       # bytes of what is decompressed


def element(data, at):
    """Tag, start and end of the DER element there, or None."""
    if at + 2 > len(data):
        return None
    size, start = data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7f
        size, start = int.from_bytes(data[start:start + count], "big"), start + count
        if not 1 <= count <= 3 or size < 0x80:
            return None
    return (data[at], start, start + size) if start + size <= len(data) else None


def elements(data, start, end):
    """The elements that fill the range exactly, or an empty list."""
    found = []
    while start < end:
        part = element(data, start)
        if not part or part[2] > end:
            return []
        found.append(part)
        start = part[2]
    return found


def der_format(data, at):
    """The format of the private key in DER there, or None."""
    whole = element(data, at)
    parts = elements(data, *whole[1:]) if whole else []
    tags = bytes(tag for tag, _, _ in parts)
    sizes = [end - start for _, start, end in parts]
    if tags[:9] == b"\2" * 9 and sizes[1] >= 64:
        return "PKCS#1"
    if tags == b"\2" * 6 and sizes[1] >= 64:
        return "DSA"
    if tags[:2] == b"\2\4" and 16 <= sizes[1] <= 66 and not tags[2:].strip(b"\xa0\xa1"):
        return "SEC1"
    if tags[:3] == b"\2\x30\4" and data[parts[1][1]] == 6:
        return "PKCS#8"
    if tags == b"\x30\4" and data.startswith((PKCS5, PKCS12), parts[0][1]):
        return "encrypted PKCS#8"
    return None


def is_secret_packet(data, match):
    """Has what looks like a secret key's packet the numbers of its algorithm?"""
    at = match.end()
    count = NUMBERS.get(match[1][0])
    if count is None:
        return bool(CURVE.match(data, at))
    for _ in range(count):
        bits = int.from_bytes(data[at:at + 2], "big")
        first = data[at + 2:at + 3]
        if not bits or not first or first[0].bit_length() != (bits - 1) % 8 + 1:
            return False
        at += 2 + (bits + 7) // 8
    # how the secret part is protected: not, or by a password
    return data[at:at + 1] in (b"\0", b"\xfd", b"\xfe", b"\xff")


def decoded(data):
    """What is encoded in the data."""
    for pattern, new in COMPRESSED:
        for match in pattern.finditer(data):
            try:
                yield new().decompress(data[match.start():], LARGEST)
            except (EOFError, OSError, zlib.error, lzma.LZMAError):
                pass
    for match in BASE64.finditer(data if b"x" * 40 in data.translate(IS_BASE64) else b""):
        text = re.sub(rb"\\[nr]|[^A-Za-z0-9+/]", b"", match[0])
        # what precedes the key may be part of the match
        for start in range(4):
            part = text[start:]
            part = part[:-1] if len(part) % 4 == 1 else part
            yield base64.b64decode(part + b"=" * (-len(part) % 4))
    dense = data.translate(IS_HEXADECIMAL, b" \t\n\r,\"")
    for match in HEXADECIMAL.finditer(data if b"x" * 64 in dense else b""):
        text = re.sub(rb"0[xX](?=[0-9A-Fa-f]{2})|\\x|[^0-9A-Fa-f]", b"", match[0])
        yield bytes.fromhex(text[:len(text) // 2 * 2].decode())


def formats(data, deep=0):
    """The formats of all private keys in the data."""
    found = {name for name, pattern in PLAIN if pattern.search(data)}
    found |= {der_format(data, match.start()) for match in SEQUENCE.finditer(data)}
    if not data.isascii():
        found |= {"GnuPG" for match in PACKET.finditer(data) if is_secret_packet(data, match)}
    if deep < DEEPEST:
        for inner in decoded(data):
            found |= formats(inner, deep + 1)
    return found - {None}


def contents(path):
    """The name and bytes of each member of an archive, or of the file."""
    if not tarfile.is_tarfile(path):
        with open(path, "rb") as file:
            yield path, file.read()
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isreg():
                yield f"{path}: {member.name}", tar.extractfile(member).read()


def main():
    if len(sys.argv) < 2:
        print("find_keys.py: no file given", file=sys.stderr)
        return 2
    found = False
    for path in sys.argv[1:]:
        for name, data in contents(path):
            for kind in sorted(formats(data)):
                print(f"{name}: {kind}")
                found = True
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
