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
    """What must be there: trees, links and what is foreign, as snapshot() has them."""

    def __init__(self, w, rng):
        self.w, self.rng = w, rng
        w.clear()
        self.trees = {}		# path: Tree
        self.foreign = {}	# path: what stands there
        self.links = {release: None for release in RELEASES}
        self.aside = {release: None for release in RELEASES}
        self.loose = set()	# directories in which a run was killed
        for release in RELEASES:
            w.put(f"/lib/modules/{release}/kernel/some.ko", b"")
        self.boot(RELEASES[0], IDS[0], "good")

    # What happens to the machine.

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
        """A reboot: what was in memory is gone."""
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

    def useless_link(self):
        """To nothing, or to headers that no module can be built with."""
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
        """Something of somebody else's where trees are."""
        name = self.rng.choice([PLACE + "/notes", PLACE + "/6.0.0-mine", RUN + "/6.0.0-mine"])
        if self.rng.random() < .5:
            self.own(f"{name}/file", b"mine\n")
        else:
            self.disown(name)

    def plant_link(self):
        self.own("/srv/outside/file", b"outside\n")
        self.own(f"{PLACE}/4.0.0-link", "/srv/outside")

    def mount_something(self):
        """A file system of the administrator's, at a name that a tree would have."""
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
        """Put something foreign there, to be the same for ever after."""
        if not any(name.startswith(path + "/") for path in self.trees):
            self.w.put(name, data)
            self.foreign[name] = ("link", data) if isinstance(data, str) else \
                ("file", 0o644, 0, data)

    def disown(self, name):
        self.w.remove(name)
        for path in list(self.foreign):
            if path == name or path.startswith(name + "/"):
                del self.foreign[path]

    # What the program does.

    def extract(self):
        options = [o for o in ("--tmpfs", "--force", "--no-link") if self.rng.random() < .2]
        base = RUN if "--tmpfs" in options else PLACE
        path = f"{base}/{self.release}"
        self.run(["extract"] + options, base)
        can = self.kind in ("good", "private")
        makes = "--force" in options or not self.current(path)
        # a link to a stale tree goes first, and for good if none is to be made
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
        """Trees of kernels that are gone, and the running one's if it is stale."""
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
        """A link to a tree that was lost before may dangle on until the kernel boots."""
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
            self.wrong(f"status does not say {state}: {self.out}")

    # What is there then.

    def run(self, arguments, *bases):
        """Run it, or kill it at a call if it changes something in @bases."""
        self.said = " ".join(arguments)
        point = None
        if bases and self.rng.random() < .3:
            point = (self.rng.choice(["-a", "-b"]), str(self.rng.randrange(5, 220)))
            self.said += f" killed {point[0]} {point[1]}"
        self.status, self.out, self.err = self.w.run(arguments, point)
        if self.status == world.NOT_REACHED:
            # it ran to its end, but with which status is not known: again tells
            self.said += ", not reached"
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
        """Something foreign has the name of the tree."""
        return any(p.startswith(path + "/") for p in self.foreign)

    def mode(self):
        """Whoever may not read the archive may not read the tree."""
        return 0o700 if self.kind == "private" else 0o755

    def is_new(self, path, now):
        """Is it what extracting makes there?"""
        release = path.split("/")[-1]
        if release == GUEST:
            return describes(now, GUEST, "a") or describes(now, GUEST, "b")
        return describes(now, release, self.tag) and now[""][1] == self.mode() and \
            marker(now).get("build-id") == self.build_id

    def check_made(self, path, done):
        """The tree is as it was; or, if it was @done, new; or, killed, absent."""
        now = below(self.seen, path)
        was = self.trees.get(path)
        if done and now and self.is_new(path, now):
            self.trees[path] = Tree(now, path.split("/")[-1], marker(now).get("build-id"), True)
        elif done and not self.dead and not (was and was.release == GUEST):
            self.wrong(f"{path}: not made: {sorted(now)[:3]}")
        elif now != (was.seen if was else {}) and (now or not self.dead):
            self.wrong(f"{path}: neither what it was nor new: {sorted(now)[:3]}")
        elif not now:
            self.trees.pop(path, None)

    def check_gone(self, paths):
        for path in paths:
            now = below(self.seen, path)
            if now and (not self.dead or now != self.trees[path].seen):
                self.wrong(f"{path}: still there: {sorted(now)[:3]}")
            if not now:
                self.trees.pop(path, None)

    def builds(self, target):
        return f"{target}/Makefile" in self.foreign

    def serves(self, target, release):
        """May our link lead to @target?"""
        return target in self.trees and self.trees[target].release == release and \
            (release != self.release or self.current(target))

    def settle(self, release, tree, stale=False):
        """The link leads to @tree, or as it did if that may be, or as before it was ours."""
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
        elif self.builds(was):
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
        """Everything else: trees and links of other kernels, what is foreign, leftovers."""
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
                self.wrong(f"{path}: not what it was: {self.seen.get(path)}")
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
        raise AssertionError(f"{self.said}: {what}")

    def step(self):
        operation = self.rng.choice(OPERATIONS)
        self.said = operation.__name__
        self.seen = None
        operation(self)
        if self.seen is not None:
            self.check_rest()
        return self.said


OPERATIONS = [Model.extract] * 8 + [Model.remove, Model.remove_old] * 2 + [
    Model.remove_all, Model.extract_file, Model.verify, Model.look, Model.new_kernel,
    Model.new_kernel, Model.new_archive, Model.install_package, Model.remove_package,
    Model.useless_link, Model.plant, Model.plant_link, Model.mount_something,
    Model.unmount_something, Model.tamper]


def run_sequence(w, seed, length):
    """Returns how many operations went well, and what did not."""
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
