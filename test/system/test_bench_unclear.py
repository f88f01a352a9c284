#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Tools that measure, where no run can be used: one line that says so, and an exit code.

usage: test_bench_unclear.py SOURCE_ROOT PYTHON

The measuring programs are the test's own, and print what is wanted.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from tap import check, main, run, test

ROOT, PYTHON = sys.argv[1:3]
UNCLEAR = 3
PARTS = ("enqueue", "submit", "completed")
THREADS = ("build,gcc 12,DPDK 22.11\n"
           "note,F7 1: 0 of 1 runs in at most 60 s; 9 were left out because other programs took "
           "a processor\n"
           "F7,4,port,0,100\nF7,4,raw,0,100\n")


def build(folder, name, records):
    """A build folder with a measuring program that prints these records."""
    program = Path(folder) / "devtools" / "bench" / name
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{records}END\n")
    program.chmod(0o755)
    info = Path(folder) / "meson-info"
    info.mkdir()
    (info / "intro-buildoptions.json").write_text(json.dumps(
        [{"name": "buildtype", "value": "release"}, {"name": "b_sanitize", "value": "none"}]))
    return folder


def tool(script, *options):
    """Exit code and output of a tool; a traceback is never an answer."""
    code, out, err = run([PYTHON, os.path.join(ROOT, script), *options])
    check("Traceback" not in err, "ends in a traceback", err)
    return code, out + err


def driver_records(dpdk):
    """Three runs of a burst of 1, in which DPDK's driver takes that long and the floor 26."""
    return "".join(f"cycles,{run_},1,{who},{part},{took}\n" for run_ in range(3) for part in PARTS
                   for who, took in (("ours", 26), ("dpdk", dpdk), ("floor", 26)))


@test
def bench_driver_without_a_clear_run_says_which_and_ends_with_3():
    with tempfile.TemporaryDirectory() as folder:
        build(folder, "bench-driver", driver_records(26))
        code, out = tool("devtools/bench-driver", "-d", folder, "--no-count", "--csv",
                         os.path.join(folder, "out.csv"))
    check(code == UNCLEAR, f"exit code {code}", out)
    for part in *PARTS, "total":
        check(f"bench-driver: burst 1, {part}: no ratio: in all of runs 1 to 3 " in out,
              f"nothing is said of {part}", out)


@test
def bench_driver_with_clear_runs_ends_with_0():
    with tempfile.TemporaryDirectory() as folder:
        build(folder, "bench-driver", driver_records(52))
        code, out = tool("devtools/bench-driver", "-d", folder, "--no-count")
    check(code == 0 and "no ratio" not in out, f"exit code {code}", out)


@test
def bench_driver_without_a_record_says_so():
    with tempfile.TemporaryDirectory() as folder:
        build(folder, "bench-driver", "")
        code, out = tool("devtools/bench-driver", "-d", folder, "--no-count")
    check(code == 1 and "has no record of a run" in out, f"exit code {code}", out)


@test
def bench_port_without_a_clean_run_of_a_case_says_which_and_ends_with_3():
    with tempfile.TemporaryDirectory() as folder:
        build(folder, "bench-port-threads", THREADS)
        code, out = tool("devtools/bench-port", "-d", folder, "-f", "F7", "-r", "1")
    check(code == UNCLEAR, f"exit code {code}", out)
    check("bench-port: F7, port at 1 / raw at 1 >= 1: not measured in repetition 1: " in out,
          "the target is not named", out)
    check("9 were left out" in out, "the reason is not shown", out)


@test
def bench_port_with_a_program_that_does_not_say_its_build_names_it():
    with tempfile.TemporaryDirectory() as folder:
        build(folder, "bench-port-cost", "")
        code, out = tool("devtools/bench-port", "-d", folder, "--instructions")
    check(code == 1 and "does not say what it was built with" in out, f"exit code {code}", out)


@test
def comparison_of_no_pairs_or_of_no_program_is_refused():
    script = "test/system/compare_forward.py"
    code, out = tool(script, "-n", "0", "a", "b", "dma_skeleton0")
    check(code == 2 and "'0': legal is above 0, at most 10000" in out, f"exit code {code}", out)
    code, out = tool(script, "/no/such/a", "/no/such/b", "dma_skeleton0")
    check(code == 1 and "/no/such/a is no program" in out, f"exit code {code}", out)


@test
def table_of_a_run_that_was_broken_off_while_it_wrote_names_the_file():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "guest" / "linux-icx" / "outcome.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"scenario": "linux", "dev')
        (Path(folder) / "meson-info").mkdir()
        (Path(folder) / "meson-info" / "intro-tests.json").write_text("[]")
        code, out = tool("test/system/guest/table.py", folder)
    check(code == 1 and f"{path} is not what a run writes" in out, f"exit code {code}", out)


main()
