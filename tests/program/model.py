#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run random sequences of operations on a machine, and compare the result with a model.

The operations are commands of the program, complete or killed at a random system call, and
changes of the kernel, its archive, packages, links, mounts and other files.  The model
holds the expected state of each tree, build link and foreign file.  After each step the
whole root directory is compared with it.
"""

import argparse
import collections
import os
import random
import re
import subprocess
import sys
import time

import world
from world import ARCHIVE, KILLED, PLACE, RUN, World, below, describes, marker

RELEASES = ["6.1.0-t", "6.2.0-t"]
GUEST = "5.0.0-x"	# never runs: extracted from a file
IDS = [b"1" * 20, b"2" * 20]
PACKAGE = "/usr/src/linux-headers-"

FILES = {(release, tag): world.archive(release, tag)
         for release in RELEASES + [GUEST] for tag in "ab"}


def link_of(release):
    return f"/lib/modules/{release}/build"


def is_ours(target):
    return bool(target) and target.startswith((PLACE, RUN))


Tree = collections.namedtuple("Tree", "seen release build_id whole")


class Model:
    """The expected trees, links and foreign files, in the form of snapshot()."""

    def __init__(self, w, rng):
        self.w, self.rng = w, rng
        w.clear()
        self.trees = {}		# path: Tree
        self.foreign = {}	# path: entry of snapshot()
        self.links = {release: None for release in RELEASES}
        self.aside = {release: None for release in RELEASES}
        self.loose = set()	# directories in which a run was killed
        for release in RELEASES:
            w.put(f"/lib/modules/{release}/kernel/some.ko", b"")
        self.boot(RELEASES[0], IDS[0], "good")

    # Changes of the machine.

    def boot(self, release, build_id, kind):
        self.release, self.build_id, self.kind = release, build_id.hex(), kind
        self.tag = "ab"[IDS.index(build_id)]
        data = {"good": FILES[release, self.tag], "private": FILES[release, self.tag],
                "damaged": FILES[release, self.tag][:-40], "none": None,
                "another's": FILES[GUEST, "a"]}[kind]
        self.w.kernel(build_id, data, release)
        if kind == "private":
            os.chmod(self.w.path(ARCHIVE), 0o400)

    def new_kernel(self):
        """A reboot: files in memory are lost."""
        for where in reversed(self.w.mounts()):
            subprocess.run(["umount", "-l", where], check=True)
        for path in [p for p in self.foreign if p.startswith("/run/")]:
            self.disown(path)
        for name in os.listdir(self.w.path("/run")):
            self.w.remove("/run/" + name)
        self.trees = {path: t for path, t in self.trees.items() if not path.startswith(RUN)}
        for path in [p for p in self.foreign if p.endswith("/mounted")]:
            self.unmounted(path)
        self.loose.discard(RUN)
        self.boot(self.rng.choice(RELEASES), self.rng.choice(IDS),
                  self.rng.choice(["good"] * 4 + ["private", "none", "damaged", "another's"]))

    def new_archive(self):
        self.boot(self.release, bytes.fromhex(self.build_id),
                  self.rng.choice(["good", "good", "none", "damaged"]))

    def install_package(self):
        """Install a distribution's headers: dpkg renames its link over the existing one."""
        release = self.rng.choice(RELEASES)
        for name in ("Makefile", "include/generated/autoconf.h", "include/linux/kconfig.h"):
            self.own(f"{PACKAGE}{release}/{name}", b"theirs\n")
        self.set_link(release, PACKAGE + release)

    def remove_package(self):
        """The link is removed, too, or is kept by the image's package and dangles."""
        release = self.rng.choice(RELEASES)
        self.disown(PACKAGE + release)
        if self.links[release] == PACKAGE + release and self.rng.random() < .5:
            self.set_link(release, None)

    def useless_link(self):
        """A link that dangles, or leads to headers that cannot build modules."""
        release = self.rng.choice(RELEASES)
        if self.links[release] is None:
            if self.rng.random() < .5:
                self.own(f"/usr/src/uapi/{release}/linux/types.h", b"uapi\n")
            self.set_link(release, f"/usr/src/uapi/{release}")

    def set_link(self, release, target):
        self.w.remove(link_of(release))
        if target:
            self.w.put(link_of(release), target)
        self.links[release] = target

    def plant(self):
        """Put foreign files into a directory of trees."""
        name = self.rng.choice([PLACE + "/notes", PLACE + "/6.0.0-mine", RUN + "/6.0.0-mine"])
        if self.rng.random() < .5:
            self.own(f"{name}/file", b"mine\n")
        else:
            self.disown(name)

    def plant_link(self):
        self.own("/srv/outside/file", b"outside\n")
        self.own(f"{PLACE}/4.0.0-link", "/srv/outside")

    def mount_something(self):
        """Mount a foreign file system on the path of a tree."""
        name = f"{PLACE}/{self.rng.choice(RELEASES + ['6.3.0-mnt'])}"
        if not os.path.lexists(self.w.path(name)):
            self.w.mount(name)
            self.own(f"{name}/mounted", b"mine\n")

    def unmount_something(self):
        for path in [p for p in self.foreign if p.endswith("/mounted")]:
            subprocess.run(["umount", self.w.path(os.path.dirname(path))], check=True)
            self.unmounted(path)

    def unmounted(self, path):
        os.rmdir(self.w.path(os.path.dirname(path)))
        del self.foreign[path]

    def tamper(self):
        if self.trees:
            path = self.rng.choice(sorted(self.trees))
            self.w.put(f"{path}/include/linux/kconfig.h", b"int worse;\n")
            self.trees[path] = self.trees[path]._replace(
                seen=below(self.w.snapshot(), path), whole=False)

    def own(self, name, data):
        """Create a foreign file, which must never change."""
        if not any(name.startswith(path + "/") for path in self.trees):
            self.w.put(name, data)
            self.foreign[name] = ("link", data) if isinstance(data, str) else \
                ("file", 0o644, 0, data, None)

    def disown(self, name):
        self.w.remove(name)
        for path in list(self.foreign):
            if path == name or path.startswith(name + "/"):
                del self.foreign[path]

    # Commands of the program.

    def extract(self):
        options = [o for o in ("--tmpfs", "--force", "--no-link") if self.rng.random() < .2]
        base = RUN if "--tmpfs" in options else PLACE
        path = f"{base}/{self.release}"
        self.run(["extract"] + options, base)
        can = self.kind in ("good", "private")
        makes = "--force" in options or not self.current(path)
        # a link to a stale tree is removed first, even if no new link is created
        stale = not self.serves(self.links[self.release], self.release)
        if self.blocked(path):
            self.expect(1)
            can = makes = False
        else:
            self.expect(0 if can or not makes else 3 if self.kind == "none" else 1)
            self.check_made(path, makes and can)
        done = (can or not makes) and self.current(path)
        self.settle(self.release, path if done and "--no-link" not in options else None, stale)

    def extract_file(self):
        self.w.put("/srv/a.tar.xz", FILES[GUEST, self.rng.choice("ab")])
        self.run(["extract", "--archive", "/srv/a.tar.xz"], PLACE)
        self.expect(0)
        self.w.remove("/srv/a.tar.xz")
        self.seen.pop("/srv/a.tar.xz")
        self.check_made(f"{PLACE}/{GUEST}", True)

    def remove(self):
        paths = [f"{base}/{self.release}" for base in (PLACE, RUN)]
        self.run(["remove"], PLACE, RUN)
        had = [path for path in paths if path in self.trees]
        blocked = any(self.blocked(path) for path in paths)
        self.expect(1 if blocked else 0 if had else 3)
        self.check_gone(had)
        self.settle(self.release, None)

    def remove_old(self):
        """Remove trees of removed kernels, and the running one's if it is stale."""
        self.run(["remove", "--old"], PLACE, RUN)
        old = [path for path, tree in self.trees.items() if tree.release == GUEST or
               tree.release == self.release and not self.current(path)]
        self.expect(0 if old else 3)
        self.check_gone(old)
        self.settle_some([self.release], old)

    def remove_all(self):
        foreign = any(p.startswith((PLACE, RUN)) for p in self.foreign)
        had = list(self.trees)
        self.run(["remove", "--all"], PLACE, RUN)
        self.expect(1 if foreign else 0 if had else 3)
        self.check_gone(had)
        self.settle_some(RELEASES, had)

    def settle_some(self, releases, removed):
        """A link to a tree that was lost earlier may dangle until that kernel boots."""
        for release in releases:
            link = self.links[release]
            if not is_ours(link) or link in removed or self.seen_link(link_of(release)) != link:
                self.settle(release, None)

    def verify(self):
        self.run(["verify"])
        tree = self.trees.get(f"{PLACE}/{self.release}")
        if self.kind not in ("good", "private"):
            self.expect(1, 3)
        elif tree:
            same = tree.whole and self.current(f"{PLACE}/{self.release}") and \
                tree.seen[""][1] == self.mode()
            self.expect(0 if same else 1)

    def look(self):
        self.run(["status"])
        self.expect(0, 3)
        path = f"{PLACE}/{self.release}"
        state = "current" if self.current(path) else "stale"
        if path in self.trees and not re.search(f"{path}.*{state}", self.out):
            self.wrong(f"status does not report {state}: {self.out}")

    # Comparison with the model.

    def run(self, arguments, *bases):
        """Run a command; if it changes something in @bases, it may be killed at a call."""
        self.operation = " ".join(arguments)
        point = None
        if bases and self.rng.random() < .3:
            point = (self.rng.choice(["-a", "-b"]), str(self.rng.randrange(5, 220)))
            self.operation += f" killed {point[0]} {point[1]}"
        self.status, self.out, self.err = self.w.run(arguments, point)
        if self.status == world.NOT_REACHED:
            # it ran to its end, but the runner does not report its status
            self.operation += ", not reached"
            self.status = None
        self.dead = self.status == KILLED
        self.seen = self.w.snapshot()
        self.loose = self.loose | set(bases) if self.dead else self.loose - set(bases)

    def expect(self, *allowed):
        if self.status not in (None, KILLED) + allowed:
            self.wrong(f"status {self.status}, not {allowed}: {self.out}{self.err}")

    def current(self, path):
        tree = self.trees.get(path)
        return bool(tree) and tree.release == self.release and tree.build_id == self.build_id

    def blocked(self, path):
        """Are there foreign files at the path of the tree?"""
        return any(p.startswith(path + "/") for p in self.foreign)

    def mode(self):
        """The tree must not be readable for anyone who cannot read the archive."""
        return 0o700 if self.kind == "private" else 0o755

    def is_new(self, path, now):
        """Is it a newly extracted tree?"""
        release = path.split("/")[-1]
        if release == GUEST:
            return describes(now, GUEST, "a") or describes(now, GUEST, "b")
        return describes(now, release, self.tag) and now[""][1] == self.mode() and \
            marker(now).get("build-id") == self.build_id

    def check_made(self, path, done):
        """The tree is unchanged, or new if it was @done, or absent if the run was killed."""
        now = below(self.seen, path)
        was = self.trees.get(path)
        if done and now and self.is_new(path, now):
            self.trees[path] = Tree(now, path.split("/")[-1], marker(now).get("build-id"), True)
        elif done and not self.dead and not (was and was.release == GUEST):
            self.wrong(f"{path}: not extracted: {sorted(now)[:3]}")
        elif now != (was.seen if was else {}) and (now or not self.dead):
            self.wrong(f"{path}: neither unchanged nor new: {sorted(now)[:3]}")
        elif not now:
            self.trees.pop(path, None)

    def check_gone(self, paths):
        for path in paths:
            now = below(self.seen, path)
            if now and (not self.dead or now != self.trees[path].seen):
                self.wrong(f"{path}: still exists: {sorted(now)[:3]}")
            if not now:
                self.trees.pop(path, None)

    def builds(self, target):
        return f"{target}/Makefile" in self.foreign

    def serves(self, target, release):
        """May our link lead to @target?"""
        return target in self.trees and self.trees[target].release == release and \
            (release != self.release or self.current(target))

    def settle(self, release, tree, stale=False):
        """The link leads to @tree, or is unchanged if still valid, or is restored."""
        was, aside = self.links[release], self.aside[release]
        want = was, aside
        if is_ours(was) and tree and self.builds(aside):
            want = aside, None
        elif is_ours(was) and (tree or stale or not self.serves(was, release)):
            want = (tree, aside) if tree else (aside, None)
        elif tree and not was:
            want = tree, aside
        elif tree and not self.builds(was):
            want = tree, was
        elif self.builds(was) or was and not tree and not is_ours(was):
            want = was, self.seen_aside(release) and aside
        now = self.seen_link(link_of(release)), self.seen_aside(release)
        if self.dead:
            foreign = {t for t in (was, aside) if t and not is_ours(t)}
            good = (now[0] in {was, want[0], aside, None} or self.serves(now[0], release)) and \
                now[1] in {was, aside, None} and \
                (now[0] is not None or was is None or is_ours(was)) and \
                (not foreign or foreign & set(now)) and \
                (not is_ours(now[0]) or now[0] == was or self.serves(now[0], release))
        else:
            good = now == want
        if not good:
            self.wrong(f"{link_of(release)}: {now}, not {want}; was {was}, {aside}")
        self.links[release], self.aside[release] = now

    def seen_link(self, path):
        return self.seen.get(path, (None, None))[1]

    def seen_aside(self, release):
        return self.seen_link(link_of(release) + ".before-kheaders")

    def check_rest(self):
        """Check the rest: trees and links of other kernels, foreign files, leftovers."""
        for base in (PLACE, RUN):
            for release in RELEASES + [GUEST]:
                path = f"{base}/{release}"
                tree = self.trees.get(path)
                if not self.blocked(path) and below(self.seen, path) != (tree.seen if tree else {}):
                    self.wrong(f"{path}: changed: {sorted(below(self.seen, path))[:3]}")
        for release in RELEASES:
            if self.seen_link(link_of(release)) != self.links[release]:
                self.wrong(f"{link_of(release)}: changed")
        for path, what in self.foreign.items():
            if self.seen.get(path) != what:
                self.wrong(f"{path}: foreign, but changed: {self.seen.get(path)}")
        left = [path for path in self.seen if "/.kheaders-" in path and
                not path.endswith("/.kheaders-lock") and path not in self.foreign and
                not path.startswith(tuple(self.loose))]
        if left:
            self.wrong(f"left behind: {left[:3]}")

    def describe(self):
        return (f"running {self.release} {self.build_id[:4]} {self.kind}; links {self.links} "
                f"aside {self.aside}; trees " +
                ", ".join(f"{p} {t.build_id} {t.whole}" for p, t in self.trees.items()))

    def wrong(self, what):
        raise AssertionError(f"{self.operation}: {what}")

    def step(self):
        operation = self.rng.choice(OPERATIONS)
        self.operation = operation.__name__
        self.seen = None
        operation(self)
        if self.seen is not None:
            self.check_rest()
        return self.operation


OPERATIONS = [Model.extract] * 8 + [Model.remove, Model.remove_old] * 2 + [
    Model.remove_all, Model.extract_file, Model.verify, Model.look, Model.new_kernel,
    Model.new_kernel, Model.new_archive, Model.install_package, Model.remove_package,
    Model.useless_link, Model.plant, Model.plant_link, Model.mount_something,
    Model.unmount_something, Model.tamper]


def run_sequence(w, seed, length):
    """Return the number of successful operations, the first fault, and the operations."""
    model = Model(w, random.Random(seed))
    done = []
    for _ in range(length):
        try:
            done.append(model.step())
        except (AssertionError, subprocess.TimeoutExpired) as error:
            history = f"\n#   after: {'; '.join(done[-12:])}\n#   {model.describe()}"
            return len(done), f"{error}{history}", done
    return length, None, done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--operations", type=int, default=3000)
    parser.add_argument("-l", "--length", type=int, default=100, help="operations per sequence")
    parser.add_argument("-s", "--seed", type=int, default=1)
    parser.add_argument("-k", "--keep-going", action="store_true",
                        help="do not stop at the first fault")
    parser.add_argument("program")
    parser.add_argument("runner")
    parser.add_argument("work", help="an empty directory in a private mount namespace")
    args = parser.parse_args()
    began = time.time()
    w = World(args.work, args.program, args.runner)
    good = faults = 0
    kinds = collections.Counter()
    print("1..1")
    for seed in range(args.seed, args.seed + max(1, args.operations // args.length)):
        n, wrong, done = run_sequence(w, seed, args.length)
        good += n
        kinds.update(name.split()[0] + (" killed" if "killed" in name else "") for name in done)
        if wrong:
            faults += 1
            print(f"# seed {seed}, operation {n + 1}: {wrong}")
            if not args.keep_going:
                break
    print(f"# {', '.join(f'{name} {n}' for name, n in kinds.most_common())}")
    print(f"# {good / (time.time() - began):.0f} operations a second")
    print(f"{'not ok' if faults else 'ok'} 1 model: {good} of {args.operations} operations")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
