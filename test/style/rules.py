#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Check the rules of CONTRIBUTING.md that a program can check. Prints TAP, one result per rule.

    rules.py SOURCE_ROOT BUILD_ROOT

A rule is a function that takes a Tree and yields one text per violation; its name and first line of
documentation are the name of the test. test/style/selftest.py shows each rule a violation.
"""

import ast
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cached_property, lru_cache
from pathlib import Path

FUNCTION_LINES = 60
FILE_LINES = 500
FILE_LINES_WITH_REASON = 600
COLUMNS = 100

C_STANDARD = set("""assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp
    signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath
    threads time uchar wchar wctype""".split())
POSIX = set("""dirent dlfcn endian err fcntl fnmatch getopt glob grp ifaddrs libgen netdb poll
    pthread pwd sched search semaphore spawn strings syslog termios unistd""".split())
POSIX_FOLDERS = {"arpa", "asm", "linux", "net", "netinet", "sys"}
# Headers that DPDK installs only with -Denable_driver_sdk=true.
DRIVER_SIDE = re.compile(r"\w+_(pmd|driver)\.h")
PUBLIC_DPDK = re.compile(r"(rte_|cmdline)\w*\.h")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.MULTILINE)
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


class Skip(Exception):
    """A rule that cannot be checked on this machine; the text says what is missing."""


class Tree:
    """The files of the project: those git would commit, without build folders."""

    def __init__(self, root, build=None):
        self.root = Path(root)
        self.build = Path(build) if build else None

    @cached_property
    def files(self):
        """All files, relative to the root."""
        git = None
        if shutil.which("git") and (self.root / ".git").exists():
            git = run("git", "-C", str(self.root), "ls-files", "-co", "--exclude-standard", "-z")
        if git and git.returncode == 0:
            names = [Path(name) for name in git.stdout.split("\0") if name]
        else:  # an unpacked archive, a machine without git, a clone that belongs to someone else
            names = [path.relative_to(self.root) for path in self.root.rglob("*")]
        return sorted(name for name in names if (self.root / name).is_file()
                      and not name.parts[0].startswith("build") and name.parts[0] != ".git")

    def under(self, *folders, ends=(".c", ".h")):
        """The files with one of the endings in one of the folders; no folder: everywhere."""
        for name in self.files:
            inside = not folders or any(Path(folder) in name.parents for folder in folders)
            if inside and name.suffix in ends:
                yield name

    @lru_cache(maxsize=None)
    def text(self, name):
        """The text of a file."""
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    @lru_cache(maxsize=None)
    def code(self, name):
        """The text of a C file with comments and literals blanked, line by line the same."""
        return NOT_CODE.sub(lambda m: '""' if m[0][0] in "\"'" else "\n" * m[0].count("\n"),
                            self.text(name))

    def scripts(self):
        """The shell scripts, by their first line."""
        for name in self.files:
            if re.match(r"#!.*\b(ba|da)?sh\b", self.text(name).split("\n", 1)[0]):
                yield name

    def search(self, pattern, names, why):
        """Yield one violation for each line of code that matches."""
        for name in names:
            for number, line in enumerate(self.code(name).split("\n"), 1):
                if re.search(pattern, line):
                    yield f"{name}:{number}: {why}: {line.strip()}"


def run(*command, **options):
    """Run a command and take its output."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# --- who may include whom

def include_table(tree):
    """The rows of the table in CONTRIBUTING.md: path of a unit or file -> what it may include."""
    table = {}
    text = tree.text(Path("CONTRIBUTING.md"))
    for units, allowed in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|$", text, re.MULTILINE):
        words = {word.strip(" `") for word in allowed.split(",")}
        for unit in re.findall(r"`([^`]+)`", units):
            table[Path(unit)] = words
    return table


def row_of(table, name):
    """The row with the longest path that leads to a file."""
    rows = [unit for unit in table if unit == name or unit in name.parents]
    return max(rows, key=lambda unit: len(unit.parts), default=None)


def kinds_of(header, owners):
    """The words of the table that allow a header."""
    stem = header[:-2]
    kinds = {header}
    for owner in owners.get(Path(header).name, ()):
        if not f"/{owner}".endswith("/" + header.replace("../", "")):
            continue  # <sys/wait.h> is not the wait.h of a unit
        kinds |= {str(owner), str(owner.parent)}
        if owner.stem.endswith("_priv"):
            kinds = {f"{kind} private" for kind in kinds} | {str(owner)}
    if len(kinds) > 1:
        return kinds
    if stem in C_STANDARD:
        kinds |= {"C standard", "libc"}
    elif stem in POSIX or header.split("/")[0] in POSIX_FOLDERS:
        kinds.add("libc")
    elif DRIVER_SIDE.fullmatch(header):
        kinds.add("driver-side DPDK")
    elif PUBLIC_DPDK.fullmatch(header):
        kinds.add("DPDK")
    return kinds


def includes_follow_the_table(tree):
    """each include is allowed by the table in CONTRIBUTING.md"""
    table = include_table(tree)
    if not table:
        yield "CONTRIBUTING.md: no table of who may include whom"
        return
    owners = {}
    for name in tree.under():
        owners.setdefault(name.name, []).append(name)
    for name in tree.under():
        unit = row_of(table, name)
        if unit is None:
            yield f"{name}: no row of the table is about it"
            continue
        for header in INCLUDE.findall(tree.text(name)):
            own = any(owner.parent == name.parent for owner in owners.get(Path(header).name, ()))
            if not own and not kinds_of(header, owners) & table[unit]:
                yield f"{name}: may not include {header} ({unit}: {', '.join(sorted(table[unit]))})"


def driver_headers_only_in_ioat_dpdk(tree):
    """driver-side DPDK headers are included by ioat_dpdk.h only"""
    for name in tree.under():
        for header in INCLUDE.findall(tree.text(name)):
            if DRIVER_SIDE.fullmatch(header) and name.name != "ioat_dpdk.h":
                yield f"{name}: includes {header}"


# --- headers

def flags_by_folder(tree):
    """The ways in which the build compiles C files of each folder, without what is for output."""
    flags = {}
    commands = tree.build / "compile_commands.json" if tree.build else None
    if commands is None or not commands.exists():
        return flags
    for entry in json.loads(commands.read_text()):
        source = (Path(entry["directory"]) / entry["file"]).resolve()
        words = shlex.split(entry["command"])
        compiler = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
        keep = [*compiler, "-iquote", str(source.parent)]  # "ccache cc" may be two words
        rest = iter(words[len(compiler):])
        for word in rest:
            if word in ("-o", "-MF", "-MQ", "-MT"):
                next(rest)
            elif word in ("-isystem", "-include", "-I"):
                keep += [word, next(rest)]
            elif word.startswith("-") and not re.match(r"-(c|M\w*|O\w|fsanitize.*|fdiag.*)$", word):
                keep.append(word)
        if keep not in flags.setdefault(source.parent, []):
            flags[source.parent].append(keep)
    return flags


def headers_stand_alone(tree):
    """each header compiles alone, twice, and defines no data"""
    flags = flags_by_folder(tree)
    plain = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror"]
    with tempfile.TemporaryDirectory() as temp:
        obj = Path(temp) / "header.o"
        for name in tree.under(ends=(".h",)):
            path = (tree.root / name).resolve()
            if flags and path.parent not in flags and any(path.parent.glob("*.c")):
                continue  # its folder is not part of this build, which may lack what it includes
            # A folder without C files of its own is compiled as the nearest below it, or plainly.
            near = sorted(f for f in flags if f == path.parent or path.parent in f.parents)
            twice = f'#include "{path}"\n' * 2
            for command in flags[near[0]] if near else [plain]:
                result = run(*command, "-O0", "-x", "c", "-c", "-", "-o", str(obj), input=twice,
                             cwd=tree.build or tree.root)
                if result.returncode == 0:
                    break
            else:
                yield f"{name}: does not compile alone:\n{result.stderr.strip()}"
                continue
            for line in run("nm", "-g", "--defined-only", str(obj)).stdout.splitlines():
                yield f"{name}: defines {line.split()[-1]}"


# --- code

def no_printing_or_exiting(tree):
    """lib and drivers neither print nor exit"""
    calls = r"(v?printf|puts|putchar|perror|psignal|v?warnx?|v?errx?|exit|_exit|_Exit|quick_exit|" \
            r"abort|rte_exit|rte_panic)"
    # fprintf to a FILE * that the caller gave is what the dump operation is for.
    yield from tree.search(rf"\b{calls}\s*\(|\b(stdout|stderr)\b", tree.under("lib", "drivers"),
                           "prints or exits")


def volatile_only_in_ioat_mmio(tree):
    """volatile is used in ioat_mmio.h only"""
    # A test may fake the functions of that header.
    names = [name for name in tree.under("lib", "drivers", "app") if name.name != "ioat_mmio.h"]
    yield from tree.search(r"(?<!asm )(?<!asm__ )\bvolatile\b", names, "volatile")


def no_bare_registers(tree):
    """drivers name every register offset and bit"""
    # As the offset, a hexadecimal or shifted one anywhere in the call, or a mask on what was read.
    access = r"\b(mmio|ioat_model)_(read|write)\d*\s*\("
    bare = rf"{access}([^,;]*,\s*\d|[^;]*(\b0[xX]|\d[uUlL]*\s*<<)|[^;]*\)\s*(&|\||>>)\s*\d)"
    yield from tree.search(bare, tree.under("drivers"), "a bare number in a register access")


def functions_are_short(tree):
    """no function has more than 60 lines"""
    for name in tree.under():
        start = None
        for number, line in enumerate(tree.code(name).split("\n"), 1):
            if line.startswith("{"):
                start = number
            elif line.startswith("}") and start is not None:
                if number - start + 1 > FUNCTION_LINES:
                    yield f"{name}:{start}: a function of {number - start + 1} lines"
                start = None


def files_are_short(tree):
    """no file has more than 500 lines (600, and a comment "over 500 lines: REASON")"""
    for name in tree.under(ends=(".c", ".h", ".py", ".sh")):
        text = tree.text(name)
        lines = text.count("\n")
        reason = re.search(r"over 500 lines: \S", text)
        if lines > (FILE_LINES_WITH_REASON if reason else FILE_LINES):
            yield f"{name}: {lines} lines"


def lines_are_short(tree):
    """no line is wider than 100 columns or ends in white space"""
    names = set(tree.under(ends=(".c", ".h", ".py", ".sh", ".build"))) | set(tree.scripts())
    for name in sorted(names):
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            if len(line.expandtabs(8)) > COLUMNS:
                yield f"{name}:{number}: {len(line.expandtabs(8))} columns"
            if line != line.rstrip():
                yield f"{name}:{number}: white space at the end"


def every_file_has_spdx(tree):
    """each source file says its licence and owner"""
    names = set(tree.under(ends=(".c", ".h", ".py", ".sh", ".build"))) | set(tree.scripts())
    names |= {name for name in tree.files if name.name == "meson_options.txt"}
    for name in sorted(names):
        head = "\n".join(tree.text(name).split("\n")[:5])
        for part in ("SPDX-License-Identifier: BSD-3-Clause", "Copyright(c) 2026 "):
            if part not in head:
                yield f"{name}: its first lines lack: {part}"


def code_is_formatted(tree):
    """C code is as clang-format 14 writes it"""
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if tool is None or " version 14." not in run(tool, "--version").stdout:
        raise Skip("no clang-format 14, others format differently")
    names = [str(name) for name in tree.under()]
    if names:
        result = run(tool, "--dry-run", "-Werror", *names, cwd=tree.root)
        for line in result.stderr.splitlines():
            if "clang-format-violations" in line:
                yield line
        if result.returncode != 0 and "clang-format-violations" not in result.stderr:
            yield result.stderr


# --- scripts and documents

def scripts_parse(tree):
    """shell and Python scripts parse"""
    for name in tree.scripts():
        result = run("bash", "-n", str(name), cwd=tree.root)
        if result.returncode != 0:
            yield result.stderr.strip()
    for name in tree.under(ends=(".py",)):
        try:
            ast.parse(tree.text(name), str(name))
        except SyntaxError as err:
            yield f"{name}:{err.lineno}: {err.msg}"


def shellcheck_is_content(tree):
    """shellcheck finds nothing in the shell scripts"""
    if shutil.which("shellcheck") is None:
        raise Skip("shellcheck is not installed")
    names = [str(name) for name in tree.scripts()]
    if names:
        yield from run("shellcheck", "-x", "-f", "gcc", *names, cwd=tree.root).stdout.splitlines()


def links_lead_somewhere(tree):
    """links and file names in documents point to files that exist"""
    for name in tree.under(ends=(".md",)):
        # Examples in code blocks are no links.
        text = re.sub(r"^```.*?^```", "", tree.text(name), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not re.match(r"[a-z]+:", target) and not (tree.root / name.parent / target).exists():
                yield f"{name}: link to {target}, which does not exist"


def nothing_is_left_undone(tree):
    """no file carries a note of unfinished work"""
    notes = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
    for name in tree.files:
        if "\0" in tree.text(name):
            continue  # no text
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            if notes.search(line):
                yield f"{name}:{number}: {line.strip()}"


RULES = [
    includes_follow_the_table,
    driver_headers_only_in_ioat_dpdk,
    headers_stand_alone,
    no_printing_or_exiting,
    volatile_only_in_ioat_mmio,
    no_bare_registers,
    functions_are_short,
    files_are_short,
    lines_are_short,
    every_file_has_spdx,
    code_is_formatted,
    scripts_parse,
    shellcheck_is_content,
    links_lead_somewhere,
    nothing_is_left_undone,
]


def main():
    """Check all rules."""
    if len(sys.argv) != 3:
        sys.exit("usage: rules.py SOURCE_ROOT BUILD_ROOT")
    tree = Tree(*sys.argv[1:])
    print(f"1..{len(RULES)}")
    failed = 0
    for number, rule in enumerate(RULES, 1):
        name = f"{number} - {rule.__doc__}"
        try:
            violations = list(rule(tree))
        except Skip as skip:
            print(f"ok {name} # SKIP {skip}")
            continue
        failed += bool(violations)
        print(f"{'not ok' if violations else 'ok'} {name}")
        for line in "\n".join(violations).splitlines():
            print(f"# {line}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
