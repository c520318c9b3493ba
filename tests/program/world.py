# SPDX-License-Identifier: GPL-2.0
"""A root directory in which the kheaders program runs, small enough to compare all of it.

It contains the program, a kernel's /sys/kernel and the files that a test adds.  The test
chooses the kernel that the program sees, including its release.
"""

import glob
import hashlib
import io
import lzma
import os
import shutil
import stat
import struct
import subprocess
import tarfile
import tempfile
import time

RELEASE = "6.1.0-t"
PLACE = "/var/cache/kheaders"
RUN = "/run/kheaders"
ARCHIVE = "/sys/kernel/kheaders.tar.xz"
NOTES = "/sys/kernel/notes"
BTF = "/sys/kernel/btf/vmlinux"
NOT_REACHED = 250
BROKEN = 251
KILLED = 137
BEGAN = time.time()


def members(release=RELEASE, tag="a"):
    """The members of an archive: name to (mode, bytes), or to None for a directory."""
    return {
        "include": None,
        "include/config": None,
        "include/config/auto.conf": (0o644, b"CONFIG_DEBUG_INFO_BTF_MODULES=y\n"),
        "include/generated": None,
        "include/generated/autoconf.h": (0o644, b"#define CONFIG_64BIT 1\n"),
        "include/generated/utsrelease.h":
            (0o644, b'#define UTS_RELEASE "%s"\n' % release.encode()),
        "include/linux": None,
        "include/linux/kconfig.h": (0o644, b"int %s;\n" % tag.encode()),
        "Makefile": (0o644, b"# a kernel\n"),
        "scripts": None,
        "scripts/large": (0o644, tag.encode() * 300000),
        "scripts/tool": (0o755, b"#!/bin/sh\n"),
    }


def archive(release=RELEASE, tag="a"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, entry in {"": None, **members(release, tag)}.items():
            info = tarfile.TarInfo("./" + name)
            info.mtime = 1000000000
            if entry is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
                continue
            info.mode, info.size = entry[0], len(entry[1])
            tar.addfile(info, io.BytesIO(entry[1]))
    return lzma.compress(out.getvalue(), check=lzma.CHECK_CRC32, preset=0)


def notes(build_id):
    return struct.pack("<III4s", 4, len(build_id), 3, b"GNU\0") + build_id


def digest(data):
    return data if len(data) < 1000 else hashlib.sha256(data).hexdigest()


def content(path):
    """Return a file's data or its digest; an erofs image's UUID and times do not count."""
    with open(path, "rb") as source:
        data = source.read()
    if data[1024:1028] != struct.pack("<I", 0xe0f5e1e2):
        return digest(data)
    with tempfile.TemporaryDirectory() as made:
        if subprocess.run(["fsck.erofs", "--extract=" + made, path], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode:
            return "damaged"
        seen = [(entry.path[len(made):], entry.stat(follow_symlinks=False).st_mode,
                 entry.is_file(follow_symlinks=False) and content(entry.path))
                for entry in walk(made)]
    return hashlib.sha256(repr(sorted(seen)).encode()).hexdigest()


def walk(path):
    for entry in os.scandir(path):
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from walk(entry.path)


class World:
    """The directory @root must be a separate file system; @program and @runner are files."""

    def __init__(self, root, program, runner, tools=()):
        self.root = root
        self.runner = runner
        self.release = RELEASE
        # neither emptied nor compared, as it never changes
        self.fixed = {"/kheaders", "/bin", "/lib64", "/usr/lib", "/dev"}
        self.program = "/kheaders"
        for name in ("bin", "lib64", "usr/lib", "dev"):
            os.makedirs(root + "/" + name)
        os.mknod(root + "/dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        for tool in tools:
            self.copy_tool(tool)
        os.mkdir(root + "/run")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "run", root + "/run"], check=True)
        shutil.copy(program, root + "/kheaders")
        os.chmod(root, 0o755)

    def copy_tool(self, name):
        """Copy a program, its loader, and its libraries to where each loader looks."""
        program = shutil.which(name)
        shutil.copy(program, self.root + "/bin")
        listed = subprocess.run(["ldd", program], capture_output=True, check=True, text=True)
        for word in listed.stdout.split():
            if word.startswith("/lib64/"):
                shutil.copy(word, self.root + word)
            elif word.startswith("/"):
                shutil.copy(word, self.root + "/usr/lib")
                # the C library looks for it when a thread ends
                for other in glob.glob(os.path.dirname(word) + "/libgcc_s.so.1"):
                    shutil.copy(other, self.root + "/usr/lib")

    def path(self, name):
        return self.root + name

    def mounts(self):
        found = []
        with open("/proc/self/mountinfo") as lines:
            for line in lines:
                where = line.split()[4]
                name = where[len(self.root):]
                if where.startswith(self.root + "/") and name != "/run":
                    found.append(where)
        return found

    def clear(self):
        for where in reversed(self.mounts()):
            subprocess.run(["umount", "-l", where], check=True)
        names = os.listdir(self.root)
        for parent in ("run", "usr"):
            names.remove(parent)
            names += [parent + "/" + name for name in os.listdir(self.root + "/" + parent)]
        for name in names:
            path = os.path.join(self.root, name)
            if "/" + name in self.fixed:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        self.release = RELEASE
        self.program = "/kheaders"
        for name in ("/sys/kernel", "/var/cache", "/lib/modules", "/tmp", "/srv"):
            os.makedirs(self.root + name)

    def put(self, name, data, mode=0o644):
        """Create a file if @data is bytes, a directory if it is None, a link if a string."""
        path = self.root + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        if data is None:
            os.makedirs(path, exist_ok=True)
        elif isinstance(data, str):
            os.symlink(data, path)
        else:
            with open(path, "wb") as out:
                out.write(data)
            os.chmod(path, mode)

    def remove(self, name):
        path = self.root + name
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)

    def kernel(self, build_id=b"1" * 20, data=None, release=RELEASE):
        """Select the running kernel; @data is its archive, or None."""
        self.release = release
        self.put(NOTES, notes(build_id))
        self.remove(ARCHIVE)
        if data is not None:
            self.put(ARCHIVE, data, 0o444)

    def mount(self, name):
        self.put(name, None)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "foreign",
                        self.path(name)], check=True)

    def run(self, arguments, point=None, log=None):
        """Return status, output and messages.  @point is an option of crash_points."""
        command = [self.runner, "-r", self.release]
        if point:
            command += [point[0], point[1]]
        if log:
            command += ["-l", log]
        command += [self.root, self.program] + arguments
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=60, close_fds=False)
        if done.returncode == BROKEN:
            raise RuntimeError(done.stderr.decode())
        return (done.returncode, done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"))

    def snapshot(self):
        """
        Return all visible files: a dictionary from name to type, mode, owner, content and time,
        which counts only if it was set to one in the past.
        """
        seen = {}
        device = os.lstat(self.root).st_dev
        self.look(self.root, "", device, seen)
        return seen

    def look(self, path, name, device, seen):
        for entry in os.scandir(path):
            what = name + "/" + entry.name
            if what in self.fixed:
                continue
            st = entry.stat(follow_symlinks=False)
            kind = stat.S_IFMT(st.st_mode)
            mode = stat.S_IMODE(st.st_mode)
            if kind == stat.S_IFLNK:
                seen[what] = ("link", os.readlink(entry.path))
            elif kind == stat.S_IFDIR:
                mount = "mount" if st.st_dev != device else ""
                seen[what] = ("directory", mode, st.st_uid, mount)
                self.look(entry.path, what, st.st_dev, seen)
            elif kind == stat.S_IFREG:
                seen[what] = ("file", mode, st.st_uid, content(entry.path),
                              st.st_mtime if st.st_mtime < BEGAN - 86400 else None)
            else:
                seen[what] = (kind, mode, st.st_uid)


def below(seen, name):
    """Return the part of @seen at @name and below."""
    return {path[len(name):]: what for path, what in seen.items()
            if path == name or path.startswith(name + "/")}


def describes(tree, release=RELEASE, tag="a"):
    """Is @tree, as below() returns it, the complete tree of that archive, with a marker?"""
    if ".kheaders" not in {name[1:] for name in tree} or "" not in tree:
        return False
    want = {"": ("directory",), "/.kheaders": ("file",), "/vmlinux": ("link", BTF)}
    for name, entry in members(release, tag).items():
        want["/" + name] = ("directory", 0o755) if entry is None else \
            ("file", entry[0], 0, digest(entry[1]))
    return tree.keys() == want.keys() and \
        all(tree[name][:len(what)] == what for name, what in want.items())


def marker(tree):
    """Return the fields of the marker in @tree."""
    text = tree.get("/.kheaders", ("", 0, 0, b""))[3]
    if isinstance(text, str):
        return {}
    return dict(line.split(": ", 1) for line in text.decode().splitlines() if ": " in line)
