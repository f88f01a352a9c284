#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Instructions of the completion port do not grow unseen: devtools/bench-port --instructions.

usage: test_instructions.py SOURCE_ROOT BUILD_ROOT PYTHON
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tap import Skip, check, main, run, test

ROOT, BUILD, PYTHON = sys.argv[1:4]
COMMITTED = Path(ROOT) / "devtools" / "bench" / "port_instructions.csv"


def gate(*options, **more):
    """Exit code and output; skips where the figures cannot be compared."""
    code, out, err = run([PYTHON, os.path.join(ROOT, "devtools", "bench-port"), "-d", BUILD,
                          "--instructions", *options], seconds=2500, **more)
    if code == 77:
        raise Skip(re.sub(r"^bench-port: skipped: ", "", err.strip()))
    return code, out + err


def gate_with(pattern, replacement):
    """The gate beside committed figures in which something is different."""
    text, changes = re.subn(pattern, replacement, COMMITTED.read_text(encoding="utf-8"),
                            flags=re.M)
    check(changes == 1, f"{pattern}: {changes} times in {COMMITTED}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "committed.csv"
        path.write_text(text, encoding="utf-8")
        return gate("--committed", str(path))


@test
def no_call_of_the_port_has_more_instructions_than_committed_plus_five_percent():
    code, out = gate()
    check(code == 0, f"exit code {code}", out)


@test
def a_call_with_more_instructions_is_named_with_both_numbers_and_the_command():
    code, out = gate_with(r"^port,issue,32,\d+,", "port,issue,32,500,")
    check(code == 1, f"exit code {code}", out)
    check(re.search(r"port,issue,32: \d+ instructions, 500 are committed, \d+ percent more", out),
          "not named", out)
    check("--update-instructions" in out, "no command to update", out)


@test
def a_call_with_one_more_locking_instruction_is_named():
    code, out = gate_with(r"^(port,get,32,\d+),1,", r"\1,0,")
    check(code == 1 and "port,get,32: 1 locking instructions, 0 are committed" in out,
          f"exit code {code}", out)


@test
def a_get_with_one_more_call_out_of_the_library_is_named():
    code, out = gate_with(r"^(port,get,32,\d+,\d+),1$", r"\1,0")
    check(code == 1 and "port,get,32: 1 calls out of the library, 0 are committed" in out,
          f"exit code {code}", out)


@test
def a_library_that_executes_more_is_noticed():
    # Its dcp_get() counts as the library's when the file is called like the library.
    library = (Path(BUILD) / "lib" / "dcp" / "libdcp.so").resolve().name
    with tempfile.TemporaryDirectory() as folder:
        preload = os.path.join(folder, library)
        shutil.copy(os.path.join(BUILD, "devtools", "bench", "more_get.so"), preload)
        code, out = gate(env=dict(os.environ, LD_PRELOAD=preload))
    check(code == 1 and re.search(r"port,empty-get,0: \d+ instructions, \d+ are committed", out),
          f"exit code {code}", out)


@test
def file_without_committed_figures_is_named():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.csv"
        path.touch()
        code, out = gate("--committed", str(path))
    check(code == 1 and f"{path}: not what --update-instructions writes" in out
          and "Traceback" not in out, f"exit code {code}", out)


@test
def figures_of_another_compiler_are_not_compared():
    try:
        code, out = gate_with(r"^gcc \d+,", "gcc 1,")
    except Skip as why:
        check("committed figures are of" in str(why) or "not installed" in str(why), str(why))
    else:
        check(False, f"exit code {code}", out)


main()
