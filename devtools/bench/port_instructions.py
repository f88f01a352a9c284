# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Instructions of the completion port, counted by callgrind, beside those that are committed.

What is counted is what libdcp itself executes in one call; not the device, not the caller. Of what
it calls, the C library and devices among it, the number of calls is counted, not what they cost. A
sum is no time, but unlike a time it is the same on every machine with the same compiler and DPDK.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import own_file  # pylint: disable=wrong-import-position

COMMITTED = Path(__file__).resolve().parent / "port_instructions.csv"
TOLERANCE = 0.05
SECONDS = 3000
HEAD = """# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# Instructions of libdcp in one call, how many of these lock the bus, and calls of something outside
# libdcp, such as a device: see port_instructions.py.
# devtools/bench-port --update-instructions writes this file. The first line is what they are of.
"""


class Mismatch(Exception):
    """The committed figures are of another compiler or DPDK, or nothing can be counted here."""


def run_bounded(command, check=False):
    """Run a program to its end, and not for ever."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=check,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired as e:
        raise RuntimeError(f"{command[0]}: no result after {SECONDS} s") from e


def locking(library):
    """Addresses of the instructions that lock: with the prefix, xchg with memory, mfence."""
    done = run_bounded(["objdump", "-d", "--no-show-raw-insn", str(library)], check=True)
    found = re.findall(r"^ *([0-9a-f]+):\t(?:lock |xchg .*\(|mfence)", done.stdout, re.M)
    return {int(address, 16) for address in found}


def read_dump(text, library, locks):
    """What a dump of callgrind says the library has done: instructions, locking ones, calls out."""
    ours = called = outside = False
    total = locked = calls = 0
    for line in text.splitlines():
        if line.startswith("ob="):
            ours = Path(line[3:]).name == library.name
        elif line.startswith("cob="):  # only where the callee is of another object
            outside = Path(line[4:]).name != library.name
        elif line.startswith("calls="):
            calls += int(line[6:].split()[0]) if ours and outside else 0
            called, outside = True, False  # the next line is what the callee has cost
        elif line.startswith("0x"):
            address, *_, cost = line.split()
            if ours and not called:
                total += int(cost)
                locked += int(cost) if int(address, 16) in locks else 0
            called = False
    return total, locked, calls


def run_count(before, program, eal):
    """Let the program make the calls that are counted; returns what it prints."""
    done = run_bounded([*before, str(program), *eal, "--", "--count"])
    if "unsupported cpu type" in done.stderr:
        raise Mismatch("valgrind lacks instructions that this DPDK was compiled for")
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().split("\n")[-3:])
        raise RuntimeError(f"{program} --count: exit code {done.returncode}\n{last}")
    return done.stdout


def key(program, eal):
    """What the figures of a program depend on: gcc 12, DPDK 22.11."""
    build = re.search(r"^build,(\w+ \d+).*?(DPDK \d+\.\d+)", run_count([], program, eal), re.M)
    if build is None:
        raise RuntimeError(f"{program} --count does not say what it was built with")
    return f"{build[1]}, {build[2]}"


def count(program, eal, build):
    """WHO,CALL,BURST -> (instructions, locking ones, calls out of libdcp) in a build folder."""
    for tool in "valgrind", "objdump":
        if shutil.which(tool) is None:
            raise Mismatch(f"{tool} is not installed")
    library = (Path(build) / "lib" / "dcp" / "libdcp.so").resolve()
    locks = locking(library)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        run_count(["valgrind", "-q", "--tool=callgrind", "--collect-atstart=no",
                   "--dump-instr=yes", "--compress-strings=no", "--compress-pos=no",
                   f"--callgrind-out-file={folder}/out"], program, eal)
        # Of each call the last dump counts: see count() of the program.
        for dump in sorted(Path(folder).iterdir(), key=lambda path: int(f"0{path.suffix[1:]}")):
            text = dump.read_text(encoding="utf-8", errors="replace")
            label = re.search(r"^desc: Trigger: Client Request: ([\w-]+,[\w-]+,\d+)$", text, re.M)
            if label:
                found[label[1]] = read_dump(text, library, locks)
    if not found or min(total for total, *_ in found.values()) == 0:
        raise RuntimeError(f"callgrind has seen no call into {library}")
    return dict(sorted(found.items()))


def load(path):
    """The committed key and figures."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    rows = [line.rsplit(",", 3) for line in lines[1:]]
    if not rows or not all(len(row) == 4 and "".join(row[1:]).isdigit() for row in rows):
        raise RuntimeError(f"{path}: not what --update-instructions writes")
    return lines[0], {label: tuple(map(int, counts)) for label, *counts in rows}


def check_save(path):
    """Raise FileExistsError when save() would: before it takes minutes."""
    own_file.check(path, HEAD.encode())


def save(path, build, found):
    """Write what load() reads; over a file only that this has written."""
    rows = [",".join(map(str, (label, *counts))) for label, counts in found.items()]
    with own_file.beside(path, HEAD.encode()) as temp:
        Path(temp).write_text(HEAD + "\n".join([build, *rows]) + "\n", encoding="utf-8")


def compare(found, committed):
    """Print all; returns what is above the committed figures, as texts."""
    above = []
    print(f"{'instructions of the port':<28}{'now':>8}{'committed':>11}{'locking':>9}"
          f"{'committed':>11}{'calls out':>11}{'committed':>11}")
    for label in sorted(found | committed):
        now, before = found.get(label), committed.get(label)
        if now is None or before is None:
            above.append(f"{label}: {'counted' if before is None else 'committed'} only")
            continue
        print(f"{label:<28}{now[0]:>8}{before[0]:>11}{now[1]:>9}{before[1]:>11}"
              f"{now[2]:>11}{before[2]:>11}")
        if now[0] > before[0] * (1 + TOLERANCE):
            above.append(f"{label}: {now[0]} instructions, {before[0]} are committed, "
                         f"{100 * (now[0] / before[0] - 1):.0f} percent more")
        if now[1] > before[1]:
            above.append(f"{label}: {now[1]} locking instructions, {before[1]} are committed")
        if now[2] > before[2]:
            above.append(f"{label}: {now[2]} calls out of the library, {before[2]} are committed")
    return above
