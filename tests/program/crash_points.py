#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Kill the program at every system call that changes something, and make each call fail.

Run each command below once to record its system calls and the resulting files.  Then run
it once for each point: killed right before a call, killed right after it, and with the
call failing with each of its possible errors.  After each run the table of states in
Documentation/states.md must hold, and running the same command again must give the same
files as an undisturbed run.
"""

import argparse
import errno
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import world
from world import ARCHIVE, KILLED, NOT_REACHED, PLACE, RELEASE, World, below, describes

TREE = f"{PLACE}/{RELEASE}"
BUILD = f"/lib/modules/{RELEASE}/build"
RUN_LINK = "/run/kheaders/.build-"
MARKERS = tuple(f"{directory}/extensions/kheaders-{RELEASE}/.kheaders"
                for directory in ("/var/lib", "/run"))

MAKES = ["ENOSPC", "EIO", "EPERM", "EROFS"]
# possible errors of a call, by its name without a final "at" and version
ERRORS = {
    "mkdir": MAKES, "symlink": MAKES, "link": MAKES + ["EXDEV"], "mknod": MAKES,
    "rename": MAKES + ["EXDEV", "EINVAL"], "unlink": ["EIO", "EPERM", "EROFS", "EBUSY"],
    "rmdir": ["EIO", "EPERM", "EROFS", "EBUSY"],
    "open": ["EIO", "EPERM", "EMFILE"], "open+": MAKES + ["EMFILE"],
    "write": ["ENOSPC", "EIO"], "pwrite64": ["ENOSPC", "EIO"], "sendfile": ["ENOSPC", "EIO"],
    "copy_file_range": ["ENOSPC", "EIO", "EXDEV"],
    "fsync": ["EIO", "ENOSPC"], "fdatasync": ["EIO", "ENOSPC"], "syncfs": ["EIO", "ENOSPC"],
    "fchmod": ["EIO", "EPERM", "EROFS"], "fchown": ["EIO", "EPERM", "EROFS"],
    "utimens": ["EIO", "EPERM", "EROFS"], "ftruncate": ["EIO", "EPERM"],
    "mount": ["EPERM", "ENOSPC"], "umount": ["EPERM", "EIO"], "move_mount": ["EPERM", "ENOSPC"],
    "fsopen": ["EPERM", "EMFILE"], "fsconfig": ["EPERM", "EIO"],
    "fsmount": ["EPERM", "EMFILE", "ENOSPC"], "open_tree": ["EPERM", "EMFILE"],
    "read": ["EIO"], "pread64": ["EIO"], "getdents64": ["EIO"], "fstat": ["EIO"],
    "newfstat": ["EIO"], "stat": ["EIO"], "lstat": ["EIO"], "statx": ["EIO"],
    "readlink": ["EIO"], "memfd_create": ["EMFILE"], "faccess": ["EIO"], "access": ["EIO"],
}
# if one of these fails, a staging or retired directory may be left for the next run
CLEANS = {"unlink", "rmdir", "open", "getdents64", "umount", "rename", "fstat", "newfstat",
          "fsync", "statx"}


SYNCS = {"fsync", "fdatasync", "syncfs"}


def short(call):
    """A call's name without the suffix of its version."""
    return re.sub(r"(at)?[2]?$", "", call)


# Each variant is a function that prepares the root directory, and arguments.  The files that
# it may change are found by comparing the state before and after an undisturbed run.

NEW, OLD = world.archive(tag="new"), world.archive(tag="old")
BID_OLD, BID_NEW = b"1" * 20, b"2" * 20
# libdebuginfod reads files, too, so there is no server whose timing changes the calls
SERVED = "/srv/debuginfod"


def fresh(w):
    w.kernel(BID_NEW, NEW)


def module_directory(w):
    fresh(w)
    w.put(f"/lib/modules/{RELEASE}/kernel/some.ko", b"")


def dangling(w):
    module_directory(w)
    w.put(BUILD, "/usr/src/kernels/" + RELEASE)


def distribution(w):
    module_directory(w)
    w.put(BUILD, f"/opt/headers")
    w.put("/opt/headers/Makefile", b"# theirs\n")
    w.put("/opt/headers/include/generated/autoconf.h", b"// theirs\n")
    w.put("/opt/headers/include/linux/kconfig.h", b"// theirs\n")


def prepare(w, *commands):
    for command in commands:
        status, out, err = w.run(command.split())
        if status:
            raise RuntimeError(f"{command}: status {status}: {out}{err}")


def current(w):
    module_directory(w)
    prepare(w, "extract")


def bare(w):
    """There is no modules directory, so the program creates and removes it."""
    fresh(w)
    prepare(w, "extract")


def stale(w):
    w.kernel(BID_OLD, OLD)
    w.put(f"/lib/modules/{RELEASE}/kernel/some.ko", b"")
    prepare(w, "extract")
    w.kernel(BID_NEW, NEW)


def stale_without(w):
    stale(w)
    w.remove(ARCHIVE)


def stale_broken(w):
    stale(w)
    w.put(ARCHIVE, NEW[:len(NEW) // 2], 0o444)


def in_memory(w):
    module_directory(w)
    prepare(w, "extract --tmpfs")


def stale_in_memory(w):
    w.kernel(BID_OLD, OLD)
    w.put(f"/lib/modules/{RELEASE}/kernel/some.ko", b"")
    prepare(w, "extract --tmpfs")
    w.kernel(BID_NEW, NEW)


def extension(w):
    fresh(w)
    prepare(w, "extract --sysext")


def stale_extension(w):
    w.kernel(BID_OLD, OLD)
    prepare(w, "extract --sysext")
    w.kernel(BID_NEW, NEW)


def stale_extension_without(w):
    stale_extension(w)
    w.remove(ARCHIVE)


def others(w):
    """The running kernel's tree, and linked trees of two others, one not installed."""
    for release in ("5.1.0-t", "5.2.0-t"):
        w.kernel(BID_OLD, world.archive(release, "x"), release)
        prepare(w, "extract")
    w.put("/lib/modules/5.2.0-t/kernel/some.ko", b"")
    current(w)


def destination(w):
    fresh(w)
    w.put("/srv/a.tar.xz", NEW)


def destination_stale(w):
    destination(w)
    w.put("/srv/old.tar.xz", OLD)
    prepare(w, "extract --archive /srv/old.tar.xz --dest /srv/t")


def destination_there(w):
    destination(w)
    prepare(w, "extract --archive /srv/a.tar.xz --dest /srv/t")


def empty_destination(w):
    destination(w)
    w.put("/srv/t", None)


def image_there(w):
    destination(w)
    w.put("/srv/i.erofs", b"an older one")


def kernel_image(w):
    fresh(w)
    w.put("/srv/image", b"x" * 1000 + b"IKHD_ST\0" + NEW + b"IKHD_ED\0" + b"y" * 1000)


def dumped_before(w):
    kernel_image(w)
    w.put("/srv/out", b"older")


def private(w):
    fresh(w)
    w.put(ARCHIVE, NEW, 0o400)


def publishable(w):
    destination(w)
    w.put("/srv/vmlinux", f"Linux version {RELEASE} (me@here)\0\0\0".encode() +
          world.notes(BID_NEW))


def published_before(w):
    publishable(w)
    w.put("/srv/out", b"older")


def serve(w, data=NEW, build_id=BID_NEW):
    """Have a kernel without archive, and a server with @data made for @build_id."""
    w.kernel(BID_NEW)
    # the static program cannot load the library
    w.program = "/bin/kheaders"
    section = f"{SERVED}/buildid/{BID_NEW.hex()}/section/"
    w.put(section + ".kheaders", data)
    w.put(section + ".kheaders.id", f"release: {RELEASE}\nbuild-id: {build_id.hex()}\n"
          f"sha256: {hashlib.sha256(NEW).hexdigest()}\n".encode())


def served(w):
    w.put(f"/lib/modules/{RELEASE}/kernel/some.ko", b"")
    serve(w)


def served_stale(w):
    stale(w)
    serve(w)


def served_current(w):
    served(w)
    prepare(w, "extract --debuginfod")


def served_destination(w):
    destination_stale(w)
    serve(w)


def served_damaged(w):
    stale(w)
    serve(w, NEW[:-100] + b"x" * 100)


def served_other(w):
    stale(w)
    serve(w, build_id=BID_OLD)


def served_nothing(w):
    stale(w)
    serve(w)
    w.remove(SERVED)


# name, preparation, arguments, and the exit status if it is not 0
VARIANTS = [
    ("extract, no modules directory", fresh, "extract"),
    ("extract, with modules directory", module_directory, "extract"),
    ("extract, root-only archive", private, "extract"),
    ("extract, build link dangles", dangling, "extract"),
    ("extract, build link is a distribution's", distribution, "extract"),
    ("extract, tree is current", current, "extract"),
    ("extract, tree is stale", stale, "extract"),
    ("extract, tree is stale, no archive", stale_without, "extract", 3),
    ("extract, tree is stale, archive damaged", stale_broken, "extract", 1),
    ("extract, stale tree in memory", stale_in_memory, "extract"),
    ("extract --force", current, "extract --force"),
    ("extract --tmpfs, no tree", module_directory, "extract --tmpfs"),
    ("extract --tmpfs, stale tree on disk", stale, "extract --tmpfs"),
    ("extract --tmpfs, stale tree in memory", stale_in_memory, "extract --tmpfs"),
    ("extract --tmpfs --force", in_memory, "extract --tmpfs --force"),
    ("extract --dest", destination, "extract --archive /srv/a.tar.xz --dest /srv/t"),
    ("extract --dest --link", destination, "extract --archive /srv/a.tar.xz --dest /srv/t --link"),
    ("extract --dest, stale", destination_stale, "extract --archive /srv/a.tar.xz --dest /srv/t"),
    ("extract --dest, empty directory", empty_destination,
     "extract --archive /srv/a.tar.xz --dest /srv/t"),
    ("extract --image", destination, "extract --archive /srv/a.tar.xz --image /srv/i.erofs"),
    ("extract --image, replacing one", image_there,
     "extract --archive /srv/a.tar.xz --image /srv/i.erofs"),
    ("extract --sysext", fresh, "extract --sysext"),
    ("extract --sysext, tree is stale", stale, "extract --sysext"),
    ("extract --sysext, stale with extension", stale_extension, "extract --sysext"),
    ("extract, stale with extension, no archive", stale_extension_without, "extract", 3),
    ("remove, with extension", extension, "remove"),
    ("remove", current, "remove"),
    ("remove, no modules directory", bare, "remove"),
    ("remove, tree is stale", stale, "remove"),
    ("remove, tree in memory", in_memory, "remove"),
    ("remove --old", others, "remove --old"),
    ("remove --all", others, "remove --all"),
    ("remove --dest", destination_there, "remove --dest /srv/t"),
    ("dump -o", kernel_image, "dump /srv/image -o /srv/out"),
    ("dump -o, replacing a file", dumped_before, "dump /srv/image -o /srv/out"),
    ("dump", kernel_image, "dump /srv/image"),
    ("publish -o", publishable, "publish --kernel /srv/vmlinux -o /srv/out /srv/a.tar.xz"),
    ("publish -o, replacing a file", published_before,
     "publish --kernel /srv/vmlinux -o /srv/out /srv/a.tar.xz"),
    ("publish", publishable, "publish --kernel /srv/vmlinux /srv/a.tar.xz"),
    ("extract --debuginfod", served, "extract --debuginfod"),
    ("extract --debuginfod, tree is stale", served_stale, "extract --debuginfod"),
    ("extract --debuginfod, tree is current", served_current, "extract --debuginfod"),
    ("extract --debuginfod --dest", served_destination, "extract --debuginfod --dest /srv/t"),
    ("extract --debuginfod, damaged archive", served_damaged, "extract --debuginfod", 1),
    ("extract --debuginfod, another kernel's", served_other, "extract --debuginfod", 1),
    ("extract --debuginfod, not on the server", served_nothing, "extract --debuginfod", 3),
    ("verify", current, "verify"),
    ("status", current, "status --json"),
]


def leftover(path):
    """Is @path a temporary name of the program, which the next run removes?"""
    suffixes = ".kheaders-new", ".kheaders-retired"
    return any(part.startswith(".kheaders-") or part.endswith(suffixes)
               for part in path.split("/"))


def without_leftovers(seen):
    return {path: what for path, what in seen.items() if not leftover(path)}


def leftovers(seen):
    return sorted(path for path in seen if leftover(path) and not path.endswith("-lock"))


def is_for_modules(path):
    """Is it a modules directory, which the program creates for a link and removes if empty?"""
    return os.path.dirname(path) == "/lib/modules"


def things(seen):
    """Omit directories that only some commands create."""
    return {path: what for path, what in without_leftovers(seen).items()
            if what[0] != "directory" or path.count("/") > PLACE.count("/")}


class Variant:
    def __init__(self, w, name, prepare_it, arguments, status=0):
        self.w, self.name, self.prepare, self.status = w, name, prepare_it, status
        self.arguments = arguments.split()
        self.points = []
        self.wrong = []
        # a link that cannot be looked at, made or removed is a warning
        self.warned = ("/lib/modules", RUN_LINK) + MARKERS + \
            (("/run",) if "--sysext" in arguments else ())

    def start(self):
        self.w.clear()
        self.prepare(self.w)

    def learn(self):
        """Run it once undisturbed."""
        self.start()
        self.before = self.w.snapshot()
        with tempfile.NamedTemporaryFile(mode="r") as log:
            status, out, err = self.w.run(self.arguments, log=log.name)
            self.calls = [line.rstrip("\n").split("\t") for line in log]
        if status != self.status:
            raise RuntimeError(f"{self.name}: status {status}: {out}{err}")
        self.after = without_leftovers(self.w.snapshot())
        self.learn_other()
        self.trees = {path[:-len("/.kheaders")] for path in {**self.before, **self.after}
                      if path.endswith("/.kheaders")}
        self.links = {path for path, what in {**self.before, **self.after}.items()
                      if path.startswith(("/lib/modules/", RUN_LINK)) and what[0] == "link"}
        for number, kind, call, path in self.calls:
            if kind == "read" and re.search(r"\.so|^/lib|^/usr/lib|^/proc|^/sys/dev", path):
                continue	# files that the loader of another program searches for
            if kind == "change":
                self.points += [("-b", number, call, path), ("-a", number, call, path)]
            name = short(call) + ("+" if call.startswith("open") and kind == "change" else "")
            self.points += [("-e", f"{number}:{getattr(errno, error)}", call, path)
                            for error in ERRORS.get(name, [])]

    def learn_other(self):
        """Record the files after the opposite command; only with default locations."""
        self.other = {"extract": ["remove"], "remove": ["extract"]}.get(self.arguments[0])
        options = " ".join(self.arguments[1:])
        if options not in ("", "--force", "--debuginfod") or below(self.before, world.RUN):
            self.other = None
        if self.other:
            self.w.run(self.other)
            self.after_other = things(self.w.snapshot())

    def check_order(self):
        """A tree is synced before its rename, and its directory right after it."""
        wrong = []
        changes = [(call, path) for _, kind, call, path in self.calls if kind == "change"]
        for i, (call, path) in enumerate(changes):
            if call.startswith("link") and not any(c in SYNCS for c, _ in changes[:i]):
                wrong.append(f"{path}: linked, not synced")
            if not call.startswith("rename") or not path.startswith((PLACE, "/srv")):
                continue
            if leftover(os.path.dirname(os.path.dirname(path))):
                continue	# of libdebuginfod, in a directory that is deleted
            if changes[i + 1:i + 2] == [(call, path)]:
                continue	# failed, and retried in another way
            inside = [c for c, p in changes[:i] if not c.startswith(("rename", "link")) and
                      (c, p) != ("unlinkat", path) and
                      (p.startswith(path) or c == "syncfs")]
            if leftover(path) and inside and inside[-1] not in SYNCS:
                wrong.append(f"{path}: renamed after {inside[-1]}, not synced")
            if i + 1 == len(changes) or changes[i + 1][0] not in SYNCS:
                wrong.append(f"{path}: renamed, and its directory not synced at once")
        return wrong

    def check(self, point):
        """Run to @point and check the result; return the faults found."""
        self.start()
        option, number, call, path = point
        status, out, err = self.w.run(self.arguments, (option, number))
        if status == NOT_REACHED:
            return ["not reached"]
        seen = self.w.snapshot()
        wrong = []
        if option == "-e":
            wrong += self.check_error(seen, status, out + err, call, path)
        elif status != KILLED:
            wrong.append(f"status {status}, not killed")
        wrong += self.check_state(seen, option, path)
        if option == "-a" and self.other:
            return wrong + self.check_other()
        return wrong + self.check_again()

    def check_state(self, seen, option, failed):
        wrong = []
        for tree in self.trees:
            now = below(seen, tree)
            if now and now not in (below(self.before, tree), below(self.after, tree)):
                wrong.append(f"{tree}: neither complete nor absent: {len(now)} names")
        for link in self.links:
            now = seen.get(link)
            if now and now not in (self.before.get(link), self.after.get(link)):
                wrong.append(f"{link}: {now}")
            if now and (option == "-e" or now != self.before.get(link)):
                wrong += self.check_link(seen, link, failed)
        for path, what in seen.items():
            if leftover(path) or path in self.links or self.in_tree(path):
                continue
            if what not in (self.before.get(path), self.after.get(path)):
                wrong.append(f"{path}: created or changed")
        for path in self.before:
            if path not in seen and path in self.after and path not in self.links and \
                    not self.in_tree(path):
                wrong.append(f"{path}: lost")
        return wrong

    def in_tree(self, path):
        return any(path == tree or path.startswith(tree + "/") for tree in self.trees)

    def check_link(self, seen, link, failed):
        """
        A link leads to a complete tree of this kernel, unless the failed call was about the
        link or about identifying the kernel.
        """
        target = seen[link][1]
        if target not in self.trees or failed.startswith(os.path.dirname(link)) or \
                failed == "/sys/kernel/notes":
            return []
        release = link.split("/")[3].replace(os.path.basename(RUN_LINK), "")
        tree = below(seen, target)
        tag = "x" if release != RELEASE else "new"
        return [] if describes(tree, release, tag) else [f"{link}: leads to a stale tree"]

    def check_error(self, seen, status, printed, call, path):
        wrong = []
        if status > 3:
            wrong.append(f"status {status}")
        if status == 0 and without_leftovers(seen) != self.after and \
                not (printed and path.startswith(self.warned)):
            wrong.append("status 0, but not done")
        if status in (1, 2) and self.status != status and not printed:
            wrong.append("no message")
        if leftovers(seen) and short(call) not in CLEANS:
            wrong.append(f"left: {leftovers(seen)}")
        return wrong

    def check_other(self):
        status, out, err = self.w.run(self.other)
        seen = self.w.snapshot()
        wrong = []
        if things(seen) != self.after_other:
            names = [path for path in {**things(seen), **self.after_other}
                     if things(seen).get(path) != self.after_other.get(path)]
            wrong.append(f"{self.other}: {sorted(names)[:3]} of {len(names)} differ")
        if any(not path.startswith(world.RUN) for path in leftovers(seen)):
            wrong.append(f"{self.other} leaves {leftovers(seen)[:3]}")
        return wrong

    def check_again(self):
        status, out, err = self.w.run(self.arguments)
        seen = self.w.snapshot()
        wrong = []
        if without_leftovers(seen) != self.after:
            names = {path for path in {**seen, **self.after} if not leftover(path) and
                     seen.get(path) != self.after.get(path) and not is_for_modules(path)}
            if names:
                wrong.append(f"the next run: {sorted(names)[:3]} of {len(names)} differ")
        if leftovers(seen):
            wrong.append(f"the next run leaves {leftovers(seen)[:3]}")
        if status != self.status and not (status == 3 and self.arguments[0] == "remove"):
            wrong.append(f"the next run: status {status}: {(out + err).strip()}")
        return wrong

    def describe(self, point):
        option, number, call, path = point
        what = {"-b": "killed before", "-a": "killed after"}.get(option)
        if not what:
            what = f"{errno.errorcode[int(number.split(':')[1])]} from"
        return f"{what} call {number.split(':')[0]}, {call} {path}"


def choose(variants, budget, seed):
    """Choose all points, or about @budget of them: of each variant its share, at least four."""
    total = sum(len(v.points) for v in variants)
    for v in variants:
        v.chosen = v.points
        if budget and total > budget:
            n = max(4, len(v.points) * budget // total)
            v.chosen = random.Random(f"{seed}{v.name}").sample(v.points, min(n, len(v.points)))


def work(variants, which, of, out):
    """Check the share @which of all points, and write the results."""
    n = 0
    for v in variants:
        if not which:
            out.write(f"{v.name}\t{'; '.join(v.check_order())}\torder of its calls\n")
        for point in v.chosen:
            n += 1
            if n % of != which:
                continue
            try:
                wrong = v.check(point)
            except subprocess.TimeoutExpired:
                wrong = ["hangs"]
            out.write(f"{v.name}\t{'; '.join(wrong)}\t{v.describe(point)}\n")
    out.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--points", type=int, default=0, help="number of points; 0 for all")
    parser.add_argument("-s", "--seed", default="1")
    parser.add_argument("-v", "--variant", default="", help="only variants whose name contains it")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-c", "--calls", action="store_true", help="list the calls instead")
    parser.add_argument("program", help="linked statically")
    parser.add_argument("dynamic", help="linked dynamically, for --debuginfod")
    parser.add_argument("runner")
    parser.add_argument("work", help="an empty directory in a private mount namespace")
    args = parser.parse_args()
    began = time.time()
    names = []
    children = []
    for job in range(args.jobs):
        name = f"{args.work}/{job}"
        out = f"{args.work}/{job}.out"
        pid = os.fork()
        if not pid:
            one_job(args, job, name, out)
        children.append(pid)
    failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
    return not args.calls and report(args, began) or bool(failed)


def one_job(args, job, name, out):
    status = 1
    try:
        os.mkdir(name)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "world", name], check=True)
        os.environ["DEBUGINFOD_URLS"] = "file://" + SERVED
        w = World(name, args.program, args.runner,
                  tools=["mkfs.erofs", args.dynamic, "debuginfod-find"])
        variants = [Variant(w, *v) for v in VARIANTS if args.variant in v[0]]
        for v in variants:
            v.learn()
        if args.calls:
            for v in variants:
                print(v.name, *["\t".join(call) for call in v.calls], sep="\n")
            os._exit(0)
        choose(variants, args.points, args.seed)
        with open(out, "w") as results:
            work(variants, job, args.jobs, results)
        status = 0
    except Exception:
        import traceback
        traceback.print_exc()
    os._exit(status)


def report(args, began):
    """Print a line of KTAP for each variant; return whether any failed."""
    results = {}
    for job in range(args.jobs):
        with open(f"{args.work}/{job}.out") as lines:
            for line in lines:
                name, wrong, point = line.rstrip("\n").split("\t")
                results.setdefault(name, []).append((wrong, point))
    good = total = 0
    print(f"1..{len(results)}")
    for i, (name, points) in enumerate(results.items(), 1):
        bad = [f"# {point}: {wrong}" for wrong, point in points if wrong]
        for line in bad[:20]:
            print(line)
        total += len(points)
        good += len(points) - len(bad)
        print(f"{'not ok' if bad else 'ok'} {i} {name}: "
              f"{len(points) - len(bad)} of {len(points)} crash points")
    print(f"# {good} of {total} crash points, {time.time() - began:.0f} seconds")
    return good != total


if __name__ == "__main__":
    sys.exit(main())
