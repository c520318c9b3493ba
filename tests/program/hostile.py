#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write hostile and damaged archives, one per file, to the directory argv[1]."""

import io
import lzma
import os
import sys
import tarfile

GOOD = [
    ("./", None),
    ("./include/", None),
    ("./include/generated/", None),
    ("./include/generated/utsrelease.h", b'#define UTS_RELEASE "1.2.3"\n'),
    ("./include/linux/kconfig.h", b"int kconfig;\n"),
]


def member(name, data=b"x\n", **fields):
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    if data is None:
        info.type = tarfile.DIRTYPE
        info.mode = 0o755
    else:
        info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def pack(members, fmt=tarfile.USTAR_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data) if data else None)
    return out.getvalue()


def good(*more, fmt=tarfile.USTAR_FORMAT):
    return pack([member(*m) for m in GOOD] + list(more), fmt)


def xz(data, **filters):
    return lzma.compress(data, check=lzma.CHECK_CRC32, filters=[
        {"id": lzma.FILTER_LZMA2, "preset": 0, **filters}])


def link(name, target, kind):
    return member(name, None, type=kind, linkname=target, mode=0o777)


def sized(name, size):
    """A header with a larger size than the data that follows."""
    tar = bytearray(pack([member(name, b"")]))[:512]
    tar[124:136] = b"%011o\0" % size
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar)
    return bytes(tar)


def resized(size):
    """A GNU header that contains a second size."""
    tar = bytearray(pack([member("./evil", b"123456789", mtime=1)], tarfile.GNU_FORMAT))
    tar[483:495] = b"%011o\0" % size
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    return bytes(tar)


def unfinished():
    """A good archive without the final blocks of zeros."""
    tar = good()
    while not any(tar[-512:]):
        tar = tar[:-512]
    return tar


plain = xz(good())
flipped = bytearray(plain)
flipped[len(flipped) // 2] ^= 4
kinds = {
    "absolute": xz(good(member("/tmp/kheaders-evil"))),
    "dotdot": xz(good(member("./include/../../evil"))),
    "dotdot-first": xz(good(member("../evil"))),
    "dot-inside": xz(good(member("./include/./evil"))),
    "empty-part": xz(good(member("./include//evil"))),
    "pax-dotdot": xz(good(member("ok", pax_headers={"path": "../evil"}),
                          fmt=tarfile.PAX_FORMAT)),
    "symlink": xz(good(link("./evil", "/etc", tarfile.SYMTYPE))),
    "through-symlink": xz(good(link("./out", "/tmp", tarfile.SYMTYPE),
                               member("./out/kheaders-evil"))),
    "hardlink": xz(good(link("./evil", "./include/linux/kconfig.h", tarfile.LNKTYPE))),
    "hardlink-out": xz(good(link("./evil", "/etc/passwd", tarfile.LNKTYPE))),
    "device": xz(good(member("./evil", None, type=tarfile.CHRTYPE, devmajor=1, devminor=3))),
    "block-device": xz(good(member("./evil", None, type=tarfile.BLKTYPE))),
    "fifo": xz(good(member("./evil", None, type=tarfile.FIFOTYPE))),
    "setuid": xz(good(member("./evil", b"x", mode=0o4755))),
    "setgid-directory": xz(good(member("./evil", None, mode=0o2755))),
    "sticky": xz(good(member("./evil", b"x", mode=0o1755))),
    "twice": xz(good(member("./include/linux/kconfig.h", b"int other;\n"))),
    "file-as-directory": xz(good(member("./include/linux/kconfig.h/evil"))),
    "directory-as-file": xz(good(member("./include/linux"))),
    "marker": xz(good(member("./.kheaders", b"release: 1.2.3\nsha256: 0\n"))),
    "line-break": xz(good(member("./evil\nname"))),
    "escape": xz(good(member("./evil\033[2J"))),
    "long-name": xz(good(member("./" + "x/" * 2000 + "evil"), fmt=tarfile.GNU_FORMAT)),
    "long-part": xz(good(member("./" + "x" * 300), fmt=tarfile.GNU_FORMAT)),
    "terabyte": xz(unfinished() + sized("./evil", 1 << 32)),
    "longer-than-told": xz(unfinished() + resized(4)),
    "shorter-than-told": xz(unfinished() + resized(400)),
    "pax-size": xz(good(member("./evil", bytes(900000), pax_headers={
        "SCHILY.realsize": "800000"}), fmt=tarfile.PAX_FORMAT)),
    "cut-member": xz(unfinished() + sized("./evil", 100000)),
    "bomb": xz(good(member("./bomb", bytes(300 << 20)))),
    "empty-tar": xz(pack([])),
    "no-tar": xz(b"no tar at all\n" * 1000),
    "no-release": xz(pack([member("./include/linux/kconfig.h")])),
    "release-leads-out": xz(pack([member("./include/generated/utsrelease.h",
                                         b'#define UTS_RELEASE "../../etc"\n')])),
    "cut": plain[:-20],
    "cut-early": plain[:100],
    "flipped": bytes(flipped),
    "trailing": plain + b"garbage!",
    "two-streams": plain + plain,
    "dictionary": xz(good(), dict_size=256 << 20),
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "nothing": b"",
    "text": b"no archive\n",
}

where = sys.argv[1]
os.makedirs(where, exist_ok=True)
for name, data in kinds.items():
    with open(os.path.join(where, name), "wb") as out:
        out.write(data)
with open(os.path.join(where, "..", "good.tar.xz"), "wb") as out:
    out.write(plain)
