#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""devtools/bench-driver: it measures what it says and refuses what it cannot. Never how fast.

usage: test_bench.py SOURCE_ROOT BUILD_ROOT PYTHON
"""

import csv
import os
import re
import sys
import tempfile

from tap import check, main, run, test

ROOT, BUILD, PYTHON = sys.argv[1:4]
BURSTS = (1, 32, 256)
DONE = (0, 3)  # 3: where the machine let no run be clear, which is not judged


def bench(*options):
    """Exit code and output of a run."""
    code, out, err = run([PYTHON, os.path.join(ROOT, "devtools", "bench-driver"), "-d", BUILD,
                          "--no-count", *options])
    return code, out + err


@test
def both_drivers_execute_every_operation_as_it_was_enqueued():
    # The program itself compares each descriptor, ring_idx and copied byte, and fails otherwise.
    code, out = bench("-r", "3", "-b", ",".join(map(str, BURSTS)))
    check(code in DONE, f"exit code {code}", out)
    done = dict(re.findall(r"^(ours|dpdk): (\d+) copies done and compared", out, re.M))
    check(set(done) == {"ours", "dpdk"}, f"checked: {done}", out)
    check(all(int(n) > 4 * 1024 for n in done.values()), f"not four laps of the ring: {done}")


@test
def csv_has_a_row_for_each_burst_and_part():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.csv")
        code, out = bench("-r", "3", "-b", ",".join(map(str, BURSTS)), "--csv", path)
        check(code in DONE, f"exit code {code}", out)
        with open(path, encoding="ascii") as f:
            rows = [(int(r["burst"]), r["part"]) for r in csv.DictReader(f)]
    want = [(b, p) for b in BURSTS for p in ("enqueue", "submit", "completed", "total")]
    check(rows == want, f"rows: {rows}")


@test
def burst_that_does_not_fit_the_ring_is_refused_with_both_numbers():
    code, out = bench("-r", "1", "-b", "64", "-n", "64")
    check(code != 0 and "a burst of 64 does not fit a ring of 64" in out, f"exit code {code}", out)


@test
def burst_outside_the_legal_range_is_refused_with_the_range():
    code, out = bench("-r", "1", "-b", "257")
    check(code != 0 and "burst '257' is outside 1 to 256" in out, f"exit code {code}", out)


@test
def missing_build_folder_is_named():
    code, out, err = run([PYTHON, os.path.join(ROOT, "devtools", "bench-driver"),
                          "-d", os.path.join(BUILD, "no-such-folder")])
    check(code != 0 and "no-such-folder" in out + err, f"exit code {code}", out + err)


main()
