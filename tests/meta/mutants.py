#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Change the code a little, and see whether a test turns red.

Each mutant is one change of one line: a condition negated or moved, a call left out, a
constant, an operator or a returned value changed.  The tests of that file (mutants.tests)
run in a copy of the project that has the change, up to the first check that fails.
A mutant that hangs is killed after three times the time that the test takes, and counts as
noticed.  Mutants that do not compile, or that the compiler optimizes to the same code, do not
count, and code that only releases memory or a descriptor is not changed.  Survivors are
listed, except those that mutants.explained lists because no test can notice them.

The seed determines which mutants are made, and in which order.
"""

import argparse
import collections
import ctypes
import fnmatch
import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

SWAPS = {
    "c": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||",
          "||": "&&", "+": "-", "-": "+", "+=": "-=", "-=": "+=", "++": "--", "!": "",
          "|": "&", "&": "|", "|=": "&=", "true": "false", "false": "true",
          "break": "", "continue": "", "%": "*"},
    "sh": {"&&": "||", "||": "&&", "-eq": "-ne", "-ne": "-eq", "-gt": "-ge", "-ge": "-gt",
           "-lt": "-le", "-le": "-lt", "!": "", "=": "!=", "!=": "=", "-z": "-n", "-n": "-z",
           "-e": "! -e", "-f": "! -f", "-d": "! -d", "-x": "! -x"},
}
SWAPS["awk"] = {**SWAPS["c"], "next": "", "~": "!~", "!~": "~"}

C_TOKEN = re.compile(r"""
    /\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])+' |
    (?m:^)\#(?:[^\n\\]|\\.|\\\n)* |
    [A-Za-z_]\w* | 0x[0-9a-fA-F]+\w* | \d+\w* |
    <<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|!~|\S""", re.X | re.S)
SH_TOKEN = re.compile(r"""
    (?m:^|(?<=\s))\#[^\n]* | '[^']*' | "(?:\\.|[^"\\])*" | \\. | \$\{[^}]*\} |
    &&|\|\||!=|[-\w./]+|\S""", re.X | re.S)
AWK_TOKEN = re.compile(r"""
    \#[^\n]* | "(?:\\.|[^"\\])*" | (?<=[(,~!&|{;\s])/(?:\\.|\[[^\]]*\]|[^/\\\n])+/ |
    [A-Za-z_]\w* | \d+ | \+\+|--|<=|>=|==|!=|&&|\|\||[-+*/%]=|!~|\S""", re.X | re.S)
# a line up to the size of an array that it declares; names of descriptors; and calls whose
# absence ends with the process
SIZE = re.compile(r"\n\s*(static |const |struct |unsigned )*[a-z_]\w* \**\w+(\[[^\]]*\])?"
                  r"\[[^\]]*$")
DESCRIPTOR = re.compile(r"(^|_)(fd|tree|parent|lock|mount|dir|null|from|sub|next|at)$")
RELEASES = {"free", "close", "closedir", "fclose", "munmap", "archive_read_free", "lzma_end",
            "lzma_index_end", "ZSTD_freeDStream", "tdestroy", "va_end", "kmod_unref",
            "kmod_module_unref", "kmod_module_unref_list", "image_close", "stream_close",
            "members_close", "xz_close", "close_piece"}
TOKENS = {"c": C_TOKEN, "sh": SH_TOKEN, "awk": AWK_TOKEN}


def language(path):
    return {".c": "c", ".awk": "awk"}.get(os.path.splitext(path)[1], "sh")


class Mutant:
    def __init__(self, path, text, start, end, new):
        self.path, self.start, self.end, self.new = path, start, end, new
        self.line = text.count("\n", 0, start) + 1
        first = text.rfind("\n", 0, start) + 1
        last = text.find("\n", max(end - 1, start))
        self.old_line = " ".join(text[first:last].split())
        self.new_line = " ".join((text[first:start] + new + text[end:last]).split())
        self.function = function_at(text, start)
        self.key = f"{path}: {self.function}: {self.old_line} => {self.new_line}"

    def apply(self, text):
        return text[:self.start] + self.new + text[self.end:]

    def describe(self):
        return (f"{self.path}:{self.line}: {self.function}\n"
                f"#   -{self.old_line}\n#   +{self.new_line}")


def function_at(text, at):
    """The function that @at is in: what is before the last "{" at the start of a line."""
    found = "-"
    for match in re.finditer(r"(?m)^(?:[^\s#/].*?)?\b(\w+)\([^;{}]*\)\s*\{", text[:at]):
        found = match.group(1)
    return found


def matching(text, tokens, i):
    """The index of the token that closes the parenthesis tokens[@i]."""
    depth = 0
    for j in range(i, len(tokens)):
        word = tokens[j].group()
        depth += (word == "(") - (word == ")")
        if not depth:
            return j
    return None


def in_test(line):
    """Is what follows @line, the part of one, between "[" and "]"?"""
    return line.rfind("[ ") > line.rfind(" ]")


def token_changes(lang, word, before, after, line):
    """What the token may become, seen the token and the part of the line before it."""
    if word in SWAPS[lang]:
        if lang != "sh" and word in "+-&" and not re.match(r"[\w)\]]", before or "("):
            return	# a sign, or an address
        if lang == "c" and re.match("O_[A-Z]+$", before) and word == "|":
            return	# of open(), most of which only attacks need
        if SIZE.match(line):
            return
        if lang == "c" and word in "&|<>-+" and before in ("sizeof", "case", "return"):
            return
        if lang == "sh" and word not in ("&&", "||") and not in_test(line):
            return
        if lang == "sh" and before == "!" and SWAPS[lang][word].startswith("!"):
            return	# the test without the "!" is the same
        if word == "++" and "for (" in line:
            return	# no end, and no end of children
        if word in ("<", ">=") and after == "0" and DESCRIPTOR.search(before):
            return	# standard input is open
        yield SWAPS[lang][word]
    elif re.fullmatch(r"\d+", word) and lang != "sh":
        if before == "return":
            yield "1" if word == "0" else "0"
            return
        if before in ("<", ">=") and word == "0" or "<<" in (before, after) or \
                before == "-" and word == "1" or \
                SIZE.match(line):
            return	# a descriptor, a size of a buffer, a failure
        yield str(int(word) + 1)
    elif re.fullmatch(r"\d+", word) and before in ("exit", "return", "-eq", "-gt", "-lt", "-ge"):
        yield "0" if word == "1" else str(int(word) + 1)


def mutants_of(path, text):
    lang = language(path)
    tokens = [m for m in TOKENS[lang].finditer(text)
              if not re.match(r"/\*|//|#" if lang == "c" else "#", m.group())]
    words = [m.group() for m in tokens]
    found = []

    def add(i, j, new):
        found.append(Mutant(path, text, tokens[i].start(), tokens[j].end(), new))

    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        after = words[i + 1] if i + 1 < len(words) else ""
        line = text[text.rfind("\n", 0, tokens[i].start()):tokens[i].start()]
        for new in token_changes(lang, word, before, after, line):
            add(i, i, new)
        if lang == "sh":
            continue
        if word in ("if", "while") and after == "(":
            end = matching(text, tokens, i + 1)
            if end and words[end + 1] not in RELEASES:
                inner = text[tokens[i + 1].start():tokens[end].end()]
                add(i + 1, end, f"(!{inner})")
        if word == "return" and after not in (";", "0", "1", "true", "false") and \
                ";" in words[i:i + 40]:
            end = i + words[i:].index(";")
            if words[i + 1:end] == ["-", "1"]:
                add(i + 1, end - 1, "0")
        # a call whose result nobody wants, left out
        if re.match(r"[a-z_]\w*$", word) and after == "(" and \
                before in (";", "{", "}", ")", "else") and word not in (
                    "if", "while", "for", "switch", "return", "sizeof", "defined") and \
                word not in RELEASES:
            end = matching(text, tokens, i + 1)
            if end and end + 1 < len(words) and words[end + 1] == ";":
                add(i, end, "")
    if lang == "sh":
        awk = list(awk_inside(path, text))
        found += [m for m in command_mutants(path, text)
                  if not any(a.line == m.line for a in awk)] + awk
    return found


def command_mutants(path, text):
    """Lines that are one whole simple command, left out."""
    at = 0
    for line in text.splitlines(keepends=True):
        if re.match(r"\s+[a-z_]+( [^|&;(){}\\'\"`]*)?$", line) and not re.match(
                r"\s+(if|then|else|fi|do|done|case|esac|for|while|until|local|return|exit)\b",
                line):
            start = at + len(line) - len(line.lstrip())
            yield Mutant(path, text, start, at + len(line.rstrip()), ":")
        at += len(line)


def awk_inside(path, text):
    """The awk programs between single quotes: as changes of the script."""
    for match in re.finditer(r"awk [^'\n]*'([^']*)'", text):
        tokens = list(AWK_TOKEN.finditer(text, match.start(1), match.end(1)))
        words = [m.group() for m in tokens]
        for i, word in enumerate(words):
            before = words[i - 1] if i else ""
            for new in token_changes("awk", word, before, "", ""):
                yield Mutant(path, text, tokens[i].start(), tokens[i].end(), new)


def compiles(lang, path):
    """Does the changed file compile?"""
    command = {"c": ["cc", "-std=gnu11", "-fsyntax-only", "-w", "-I", os.path.dirname(path)],
               "sh": ["sh", "-n"], "awk": ["timeout", "2", "mawk", "-f"]}[lang] + [path]
    if lang == "awk":
        command.append("/dev/null")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    return b"syntax error" not in done.stderr if lang == "awk" else not done.returncode


def same_code(lang, path, old):
    """Does the compiler make the same code of the changed file and of the text @old?"""
    if lang != "c":
        return False
    code = []
    with open(path) as source:
        for text in source.read(), old:
            done = subprocess.run(["gcc", "-std=gnu11", "-D_FILE_OFFSET_BITS=64", "-O2", "-w",
                                   "-I", os.path.dirname(path), "-S", "-x", "c", "-o", "-", "-"],
                                  input=text, capture_output=True, text=True)
            code.append(done.stdout)
    return code[0] == code[1] != ""


class Limit:
    """How long a test may take: three times what it takes without a change."""

    def __init__(self):
        self.lock, self.seconds = threading.Lock(), None

    def learn(self, where, test, known=None):
        """Measure, unless another worker has since @known; False if the test is not green."""
        with self.lock:
            if self.seconds != known:
                return True
            copy_project(where)
            began = time.time()
            if turns_red(where, test, 1000, True) is not False:
                return False
            if os.path.exists(where + "/build") and not os.path.exists(where + ".built"):
                shutil.copytree(where + "/build", where + ".built", symlinks=True)
            self.seconds = max(known or 0, 3 * (time.time() - began) + 10)
            return True


class Worker(threading.Thread):
    """Takes mutants from a list, one at a time; each gets a copy of the project."""

    known = None
    verbose = False
    limits = collections.defaultdict(Limit)
    broken = None

    def __init__(self, where, todo, results, tests):
        super().__init__()
        self.where, self.todo, self.results, self.tests = where, todo, results, tests

    def run(self):
        while self.todo:
            try:
                mutant = self.todo.pop(0)
            except IndexError:
                return
            verdict = self.verdict(mutant)
            self.results.append((mutant, verdict))
            if self.verbose:
                print(f"# {verdict or ('no mutant' if verdict is None else 'none')}: "
                      f"{mutant.key}", flush=True)
            if verdict == "" and not Worker.known(mutant.key):
                print(f"# survives: {mutant.describe()}", flush=True)

    def verdict(self, mutant):
        """The test that turned red, "" if none, None if the mutant is no program."""
        for test in self.tests(mutant.path):
            red = self.limits[test].learn(self.where, test) and self.prepare(mutant) and \
                self.turns_red(test, mutant)
            if not self.limits[test].seconds:
                Worker.broken = test
                self.todo.clear()
            if red is None or Worker.broken:
                return None
            if red:
                return test
        path = os.path.join(self.where, mutant.path)
        return None if same_code(language(mutant.path), path, self.text) else ""

    def prepare(self, mutant):
        """Make a copy of the project with the change; None if it does not compile."""
        copy_project(self.where)
        path = os.path.join(self.where, mutant.path)
        with open(path) as source:
            self.text = source.read()
        with open(path, "w") as out:
            out.write(mutant.apply(self.text))
        return compiles(language(mutant.path), path) or None

    def turns_red(self, test, mutant):
        """Run the test; if it is too slow, again with what it takes now without a change."""
        limit = self.limits[test]
        began, seconds = time.time(), limit.seconds
        red = turns_red(self.where, test, seconds)
        if not red or time.time() - began < seconds:
            return red
        if limit.learn(self.where, test, seconds) and limit.seconds == seconds:
            return True
        return self.prepare(mutant) and turns_red(self.where, test, limit.seconds)


FILES = []


def copy_project(where):
    """Copy the files, and what was built of them, so that only the change is compiled."""
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where + "/tmp")
    for name in FILES:
        os.makedirs(os.path.dirname(os.path.join(where, name)), exist_ok=True)
        shutil.copy2(os.path.join(TOP, name), os.path.join(where, name))
    if os.path.exists(where + ".built"):
        shutil.copytree(where + ".built", where + "/build", symlinks=True)


def listed(*patterns):
    """Files of the project."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns],
                           cwd=TOP, capture_output=True, check=True, text=True).stdout
    return [n for n in names.split() if os.path.exists(os.path.join(TOP, n))]


# A mutant may delete what it should not, as root.  What it changes of the machine is only
# in memory, but for its copy of the project, $1; it sees no other processes and has devices of
# its own.  At first objects are cached in $2.
SANDBOX = """
set -e
mount -t tmpfs mutant "$1/tmp"
mkdir "$1/tmp/upper" "$1/tmp/work" "$1/tmp/root"
root=$1/tmp/root
mount -t overlay -o "lowerdir=/,upperdir=$1/tmp/upper,workdir=$1/tmp/work" mutant "$root"
mount -t tmpfs -o mode=755 mutant "$root/dev"
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/loop* "$root/dev"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/1 "$root/dev/stdout"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir "$root/dev/pts"
mkdir -m 1777 "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 mutant "$root/dev/pts"
mount --bind /proc "$root/proc"
mount --bind /sys "$root/sys"
mount -o remount,bind,ro "$root/sys"
mount --bind /proc/sys "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
for where in "$1" "$2"; do
	[ -z "$where" ] || { mkdir -p "$root$where" && mount --rbind "$where" "$root$where"; }
done
shift 2
exec chroot "$root" "$@"
"""


def prepare_child():
    """It ends with us, and fills neither disk nor memory."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))


def turns_red(top, test, limit, first=False):
    """Run the test up to the first check that fails; @first: there is no mutant yet.

    None if it was skipped.
    """
    command = test.split()
    cache = os.path.dirname(top) + "/cache"
    os.makedirs(cache, exist_ok=True)
    os.makedirs(top + "/bin", exist_ok=True)
    for name in ("cc", "gcc", "clang"):
        shutil.copy(HERE + "/mutants_cc", f"{top}/bin/{name}")
    env = dict(os.environ, KHEADERS_QUICK="y", KHEADERS_WHOLE="", TMPDIR=top + "/tmp",
               PYTHONDONTWRITEBYTECODE="y",
               PATH=f"{top}/bin:{os.environ['PATH']}", MUTANTS_CACHE=cache)
    wrapper = ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", SANDBOX,
               "sh", top, cache if first else ""] if os.geteuid() == 0 else []
    run = subprocess.Popen(wrapper + ["sh", f"{top}/tests/{command[0]}"] + command[1:],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, env=env, errors="replace",
                           preexec_fn=prepare_child)
    timer = threading.Timer(limit, run.kill)
    timer.start()
    red = any(line.startswith(("not ok", "Bail out!")) for line in run.stdout)
    run.kill() if red else run.wait()
    run.stdout.close()
    timer.cancel()
    status = run.wait()
    return None if status == 4 and not red else status != 0 or red


def read_table(name):
    with open(os.path.join(HERE, name)) as lines:
        return [line.rstrip("\n") for line in lines if line.strip() and line[0] != "#"]


def explained():
    """Of a mutant's key, the reason why nothing can notice it; None if there is none.

    A line of mutants.explained that starts with "~" is a regular expression.
    """
    lines = read_table("mutants.explained")
    reasons = {lines[i]: lines[i + 1].strip() for i in range(0, len(lines) - 1, 2)}
    patterns = [(re.compile(k[1:]), reason) for k, reason in reasons.items() if k[0] == "~"]

    def find(key):
        return reasons.get(key) or next((r for p, r in patterns if p.search(key)), None)
    return find


def choose(table, patterns, number, seed):
    """The first @number of all mutants of the files, in an order that @seed alone makes."""
    found = []
    seen = set()
    for line in table:
        pattern, tests = line.split("\t")
        for path in sorted(set(listed(pattern)) - seen):
            seen.add(path)
            if tests == "-" or not any(fnmatch.fnmatch(path, p) for p in patterns):
                continue
            with open(os.path.join(TOP, path)) as source:
                found += mutants_of(path, source.read())
    # the order must not change with what is added elsewhere in the file
    times = collections.Counter()
    order = {}
    for mutant in {m.key + str(m.line): m for m in found}.values():
        times[mutant.key] += 1
        name = f"{seed}{mutant.key}{times[mutant.key]}"
        order[hashlib.sha256(name.encode()).hexdigest()] = mutant
    return [order[digest] for digest in sorted(order)][:number or None], len(order)


def choose_all(table, groups, seed):
    """The mutants of all @groups, "NUMBER:PATTERN,PATTERN..." each."""
    mutants, total = [], 0
    for group in groups:
        number, patterns = re.fullmatch(r"(?:(\d+):)?(.*)", group).groups()
        chosen, possible = choose(table, patterns.split(","), int(number or 0), seed)
        mutants += chosen
        total += possible
    return mutants, total


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-s", "--seed", default="1")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("-v", "--verbose", action="store_true", help="print each verdict")
    parser.add_argument("-l", "--list", action="store_true", help="list them, run nothing")
    parser.add_argument("work", help="an empty directory")
    parser.add_argument("files", nargs="*", default=["*"],
                        help="[NUMBER:]PATTERN[,PATTERN]...: NUMBER mutants of these files, "
                        "all by default")
    args = parser.parse_args()
    table = read_table("mutants.tests")
    mutants, total = choose_all(table, args.files, args.seed)
    if args.list:
        print(*[m.key for m in mutants], sep="\n")
        return 0

    def tests(path):
        for line in table:
            pattern, names = line.split("\t", 1)
            if fnmatch.fnmatch(path, pattern):
                return [t.strip() for t in names.strip().split(",")]
        return []

    FILES.extend(listed())
    Worker.known = explained()
    Worker.verbose = args.verbose
    began = time.time()
    number = len(mutants)
    results = []
    workers = [Worker(f"{args.work}/{i}", mutants, results, tests) for i in range(args.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if len(results) != number and not Worker.broken:
        print(f"Bail out! {len(results)} of {number} mutants were tested")
        return 1
    if Worker.broken:
        print(f"Bail out! {Worker.broken} is red without a change")
        return 1
    return report(results, total, time.time() - began)


def report(results, total, seconds):
    count = {}
    by = collections.defaultdict(collections.Counter)
    survivors = []
    for mutant, verdict in results:
        if verdict is None:
            continue
        red, of = count.get(mutant.path, (0, 0))
        count[mutant.path] = (red + bool(verdict), of + 1)
        by[mutant.path][verdict or "none"] += 1
        if not verdict:
            survivors.append(mutant)
    red = sum(c[0] for c in count.values())
    of = sum(c[1] for c in count.values())
    new = [m for m in survivors if not Worker.known(m.key)]
    for path, (n, m) in sorted(count.items()):
        print(f"# {path}: {n} of {m}:", ", ".join(f"{t} {k}" for t, k in by[path].most_common()))
    print(f"# of {total} possible; {len(survivors) - len(new)} survivors explained, "
          f"{len(new)} not; {seconds:.0f} seconds")
    print("1..2")
    enough = of and red >= .95 * (of - (len(survivors) - len(new)))
    print(f"{'ok' if enough else 'not ok'} 1 {red} of {of} mutants turn a test red")
    print(f"{'not ok' if new else 'ok'} 2 every survivor is explained")
    return 0 if enough and not new else 1


if __name__ == "__main__":
    sys.exit(main())
