#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Random sequences of what can happen to a machine, against a model of what must be there.

Commands of the program, whole or killed at a random system call, between changes of the
kernel, its archive, packages, links, mounts and whatever else an administrator does.  The
model holds what each tree, each build link and everything foreign must be; after each
step the whole root directory is compared with it.
"""

import argparse
import collections
import os
import random
import subprocess
import sys
import time

import world
from world import ARCHIVE, BROKEN, KILLED, PLACE, World, below, describes, marker

RELEASES = ["6.1.0-t", "6.2.0-t"]
GUEST = "5.0.0-x"	# never runs: extracted from a file
IDS = [b"1" * 20, b"2" * 20]
PACKAGE = "/usr/src/linux-headers-"

FILES = {(release, tag): world.archive(release, tag)
         for release in RELEASES + [GUEST] for tag in "ab"}


def link_of(release):
    return f"/lib/modules/{release}/build"


def tree_of(release):
    return f"{PLACE}/{release}"


class Model:
    """What must be there: @trees, @links, and @foreign, all as snapshot() has them."""

    def __init__(self, w, rng):
        self.w, self.rng = w, rng
        w.clear()
        self.trees = {}		# release: (what is below its name, build-id, archive)
        self.foreign = {}	# path: what stands there
        self.links = {release: None for release in RELEASES}
        self.kept = {}		# release: the dangling link that ours took the place of
        self.loose = False	# a run was killed: what it left may still be there
        self.boot(RELEASES[0], IDS[0], "good")

    # What happens to the machine.

    def boot(self, release, build_id, kind):
        self.release, self.build_id, self.kind = release, build_id.hex(), kind
        self.archive = FILES[release, "ab"[IDS.index(build_id)]]
        data = {"good": self.archive, "none": None, "private": self.archive,
                "damaged": self.archive[:-40],
                "another's": FILES[GUEST, "a"]}[kind]
        self.w.kernel(build_id, data, release)
        if kind == "private":
            os.chmod(self.w.path(ARCHIVE), 0o400)
        os.makedirs(self.w.path(f"/lib/modules/{release}"), exist_ok=True)

    def new_kernel(self):
        """A reboot: what was in memory is gone."""
        for where in reversed(self.w.mounts()):
            subprocess.run(["umount", "-l", where], check=True)
        for release in [r for r, tree in self.trees.items() if tree.mounted]:
            del self.trees[release]
        self.boot(self.rng.choice(RELEASES), self.rng.choice(IDS),
                  self.rng.choice(["good", "good", "good", "private", "none", "damaged",
                                   "another's"]))

    def new_archive(self):
        self.boot(self.release, bytes.fromhex(self.build_id),
                  self.rng.choice(["good", "good", "none", "damaged"]))

    def install_package(self):
        """The headers of a distribution: dpkg renames its link over what is there."""
        release = self.rng.choice(RELEASES)
        for name in ("Makefile", "include/generated/autoconf.h", "include/linux/kconfig.h"):
            self.own(f"{PACKAGE}{release}/{name}", b"theirs\n")
        self.set_link(release, PACKAGE + release)

    def remove_package(self):
        """The link goes with it, or stays with the image's package and dangles."""
        release = self.rng.choice(RELEASES)
        self.disown(PACKAGE + release)
        if self.links[release] == PACKAGE + release and self.rng.random() < .5:
            self.set_link(release, None)

    def dangling_link(self):
        release = self.rng.choice(RELEASES)
        if self.links[release] is None:
            self.set_link(release, "/usr/src/kernels/" + release)

    def set_link(self, release, target):
        self.w.remove(link_of(release))
        if target:
            self.w.put(link_of(release), target)
        self.links[release] = target
        self.kept.pop(release, None)

    def plant(self):
        """Something of somebody else's where trees are."""
        name = self.rng.choice(["/notes", "/6.0.0-mine", "/.kheaders-lock.old"])
        if self.rng.random() < .5:
            self.own(f"{PLACE}{name}/file", b"mine\n")
        else:
            self.disown(f"{PLACE}{name}")

    def plant_link(self):
        self.own("/srv/outside/file", b"outside\n")
        self.own(f"{PLACE}/4.0.0-link", "/srv/outside")

    def mount_something(self):
        """A file system of the administrator's, at a name that a tree would have."""
        name = tree_of(self.rng.choice(RELEASES + ["6.3.0-mnt"]))
        if os.path.lexists(self.w.path(name)):
            return
        self.w.mount(name)
        self.own(f"{name}/file", b"mounted\n")

    def unmount_something(self):
        for name in [tree_of(r) for r in RELEASES + ["6.3.0-mnt"]]:
            if f"{name}/file" in self.foreign:
                subprocess.run(["umount", self.w.path(name)], check=True)
                os.rmdir(self.w.path(name))
                del self.foreign[f"{name}/file"]

    def tamper(self):
        trees = [r for r in self.trees if not self.trees[r].mounted]
        if trees:
            release = self.rng.choice(trees)
            self.w.put(f"{tree_of(release)}/include/linux/kconfig.h", b"int worse;\n")
            self.keep_tree(release, below(self.w.snapshot(), tree_of(release)), False)

    def own(self, name, data):
        """Put something foreign there, to be the same for ever after."""
        if any(tree_of(r) in name for r in self.trees):
            return
        self.w.put(name, data)
        self.foreign[name] = ("link", data) if isinstance(data, str) else \
            ("file", 0o644, 0, data)

    def disown(self, name):
        self.w.remove(name)
        for path in list(self.foreign):
            if path == name or path.startswith(name + "/"):
                del self.foreign[path]

    # What the program does.

    def keep_tree(self, release, seen, whole=True):
        fields = marker(seen)
        self.trees[release] = Tree(seen, fields.get("build-id"), seen[""][3] == "mount", whole)

    def current(self):
        """Is there a tree of the running kernel?"""
        tree = self.trees.get(self.release)
        return tree and tree.build_id == self.build_id

    def blocked(self, release):
        """Something foreign has the name of the tree."""
        return any(path.startswith(tree_of(release) + "/") for path in self.foreign)

    def extract(self):
        options = [o for o in ("--tmpfs", "--force", "--no-link") if self.rng.random() < .2]
        can = self.kind in ("good", "private")
        makes = "--force" in options or not self.current()
        self.command(["extract"] + options)
        if self.blocked(self.release):
            self.expect(1, 3)
            makes = can = False
        elif self.status != KILLED:
            self.expect(0 if can or not makes else 3 if self.kind == "none" else 1)
        done = makes and can
        self.check_tree(self.release, done, "--tmpfs" in options)
        self.check_link(self.release, "--no-link" not in options)

    def extract_file(self):
        self.w.put("/srv/a.tar.xz", FILES[GUEST, self.rng.choice("ab")])
        self.command(["extract", "--archive", "/srv/a.tar.xz"])
        self.expect(0)
        self.w.remove("/srv/a.tar.xz")
        self.check_tree(GUEST, True, False)

    def remove(self):
        had = self.release in self.trees
        self.command(["remove"])
        self.expect(0 if had else 3, 3 if not had or self.status == 3 else 0,
                    *([1] if self.blocked(self.release) else []))
        self.check_gone([self.release])

    def remove_old(self):
        self.command(["remove", "--old"])
        self.expect(0, 3, *([1] if self.foreign else []))
        self.check_gone([r for r in RELEASES + [GUEST] if r != self.release])

    def verify(self):
        self.command(["verify"], False)
        tree = self.trees.get(self.release)
        same = tree and tree.whole and self.kind in ("good", "private") and \
            describes(tree.seen, self.release, self.tag())
        if self.kind == "none":
            self.expect(3, 1)
        else:
            self.expect(0 if same else 1, 0 if same else 3)

    def look(self):
        self.command(["status"], False)
        self.expect(0, 3)
        state = "current" if self.current() else "stale" if self.release in self.trees else ""
        if state and f"{tree_of(self.release)}, {state}" not in self.out:
            self.wrong(f"status does not say {state}: {self.out}")

    def tag(self):
        return "ab"[IDS.index(bytes.fromhex(self.build_id))]

    def command(self, arguments, may_die=True):
        self.said = " ".join(arguments)
        point = None
        if may_die and self.rng.random() < .3:
            point = (self.rng.choice(["-a", "-b"]), str(self.rng.randrange(5, 150)))
            self.said += f" killed {point[0]} {point[1]}"
        self.status, self.out, self.err = self.w.run(arguments, point)
        if self.status == world.NOT_REACHED:
            self.status = None
        self.seen = self.w.snapshot()
        self.dead = self.status == KILLED
        if self.status is None or not self.dead:
            self.loose = False if self.finished_work() else self.loose
        else:
            self.loose = True

    def finished_work(self):
        """Did the run get as far as to clean up?"""
        return self.said.split()[0] in ("extract", "remove")

    def expect(self, *allowed):
        if self.status not in (None, KILLED) + allowed:
            self.wrong(f"status {self.status}, not {allowed}: {self.out}{self.err}")

    def check_tree(self, release, done, in_memory):
        """The tree is as it was; or, if it was @done, new; or, killed, absent."""
        now = below(self.seen, tree_of(release))
        if self.blocked(release):
            return
        was = self.trees.get(release)
        fresh = done and now and now[""][3] == ("mount" if in_memory else "") and \
            (describes(now, release, self.tag()) or release == GUEST and
             (describes(now, release, "a") or describes(now, release, "b")))
        if release != GUEST and fresh:
            private = 0o700 if self.kind == "private" else 0o755
            fresh = now[""][1] == private and marker(now)["build-id"] == self.build_id
        if fresh:
            self.keep_tree(release, now)
        elif now and was and now == was.seen:
            if done and not self.dead:
                self.wrong("the tree was not replaced")
        elif not now and (self.dead or not was or not self.current()):
            self.trees.pop(release, None)
        else:
            self.wrong(f"{tree_of(release)}: neither what it was nor new: {sorted(now)[:3]}")

    def check_link(self, release, wanted):
        """Where it led to something it still does; else to a current tree or nothing."""
        now = self.seen.get(link_of(release), (None, None))[1]
        was = self.links[release]
        ours = tree_of(release)
        foreign = was and was != ours
        if foreign and f"{was}/Makefile" in self.foreign:
            allowed = {was}
        else:
            allowed = {ours if self.current() and (wanted or was == ours) else
                       self.kept.get(release)}
            if foreign:
                allowed = {ours} if self.current() and wanted else {was}
            if self.dead:
                allowed |= {was, None}
        if now not in allowed | ({None} if not self.current() else set()):
            self.wrong(f"{link_of(release)}: {now}, not one of {allowed}")
        if foreign and now == ours:
            self.kept[release] = was
        self.links[release] = now

    def check_gone(self, releases):
        for release in releases:
            if self.blocked(release):
                continue
            now = below(self.seen, tree_of(release))
            if now and (not self.dead or now != self.trees[release].seen):
                self.wrong(f"{tree_of(release)}: still there: {sorted(now)[:3]}")
            if not now:
                self.trees.pop(release, None)
            if release not in self.links:
                continue
            link = self.seen.get(link_of(release), (None, None))[1]
            was = self.links[release]
            allowed = {self.kept.get(release)} if was == tree_of(release) else {was}
            if self.dead:
                allowed |= {was, None}
            if link not in allowed:
                self.wrong(f"{link_of(release)}: {link}, not one of {allowed}")
            self.links[release] = link
            if link != tree_of(release):
                self.kept.pop(release, None)

    def check_rest(self):
        """Everything else: trees and links of other kernels, what is foreign, leftovers."""
        for release in RELEASES + [GUEST]:
            now = below(self.seen, tree_of(release))
            tree = self.trees.get(release)
            if not self.blocked(release) and now != (tree.seen if tree else {}):
                self.wrong(f"{tree_of(release)}: changed: {sorted(now)[:3]}")
            if release in self.links and \
                    self.seen.get(link_of(release), (None, None))[1] != self.links[release]:
                self.wrong(f"{link_of(release)}: changed")
        for path, what in self.foreign.items():
            if self.seen.get(path) != what:
                self.wrong(f"{path}: not what it was: {self.seen.get(path)}")
        left = [path for path in self.seen if ".kheaders-" in path and
                not path.endswith("/.kheaders-lock") and path not in self.foreign and
                os.path.dirname(path) not in {os.path.dirname(f) for f in self.foreign}]
        if left and not self.loose:
            self.wrong(f"left behind: {left[:3]}")

    def wrong(self, what):
        raise AssertionError(f"{self.said}: {what}")

    def step(self):
        operation = self.rng.choice(OPERATIONS)
        self.said = operation.__name__
        self.seen = None
        operation(self)
        if self.seen is not None:
            self.check_rest()
        return self.said


Tree = collections.namedtuple("Tree", "seen build_id mounted whole")

OPERATIONS = [Model.extract] * 8 + [Model.remove] * 2 + [Model.remove_old] * 2 + [
    Model.extract_file, Model.verify, Model.look, Model.look, Model.new_kernel,
    Model.new_kernel, Model.new_archive, Model.install_package, Model.remove_package,
    Model.dangling_link, Model.plant, Model.plant_link, Model.mount_something,
    Model.unmount_something, Model.tamper]


def run_sequence(w, seed, length):
    """Returns how many operations went well, and what did not."""
    model = Model(w, random.Random(seed))
    done = []
    for _ in range(length):
        try:
            done.append(model.step())
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return len(done), f"{error}\n#   after: {'; '.join(done[-12:])}", done
    return length, None, done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--operations", type=int, default=3000)
    parser.add_argument("-l", "--length", type=int, default=100, help="of one sequence")
    parser.add_argument("-s", "--seed", type=int, default=1)
    parser.add_argument("-k", "--keep-going", action="store_true",
                        help="not only the first fault")
    parser.add_argument("program")
    parser.add_argument("runner")
    parser.add_argument("work", help="an empty directory in a mount namespace of our own")
    args = parser.parse_args()
    began = time.time()
    w = World(args.work, args.program, args.runner)
    good = faults = 0
    kinds = collections.Counter()
    print("1..1")
    for seed in range(args.seed, args.seed + args.operations // args.length):
        n, wrong, done = run_sequence(w, seed, args.length)
        good += n
        kinds.update(said.split()[0] + (" killed" if "killed" in said else "") for said in done)
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
