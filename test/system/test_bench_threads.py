#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""bench-port-threads: all that its figures compare is recorded; it refuses what it cannot do.

usage: test_bench_threads.py SOURCE_ROOT BUILD_ROOT PYTHON
"""

import os
import sys

from tap import EAL, Skip, check, main, run, test

BUILD = sys.argv[2]
THREADS = os.path.join(BUILD, "devtools", "bench", "bench-port-threads")
F5 = {case: {"port", "futex"} for case in ("post-2us", "post-50us", "post-1ms")}
F5 |= {case: {"port", "futex", "limit"} for case in ("device", "device-slack")}
F6 = {case: {"calls", "yields"} for case in ("busy-issue", "busy-post", "busy-two")}
F6 |= {case: {"issuer", "wakes"} for case in ("asleep-1", "asleep-4")}
F6 |= {"idle": {"calls", "wakeups"}}
FIGURES = {"F5": F5, "F6": F6, "F7": {"1": {"port", "raw"}, "4": {"port", "raw"}},
           "F9": {"all": {"1", "2", "8", "get", "slice"}}}


def threads(*options):
    """Exit code, output and errors of the program."""
    return run([THREADS, *EAL, "--no-pci", "--log-level=*:error", "--", *options], seconds=2500)


@test
def each_case_is_recorded_with_all_that_it_compares_or_a_note_says_why_not():
    if len(os.sched_getaffinity(0)) < 2:
        raise Skip("one processor; two threads need two")
    code, out, err = threads("-r", "1")
    if "the time stamp counters of processors" in err:
        raise Skip("the time stamp counters of two processors differ")
    check(code == 0, f"exit code {code}", out + err)
    records = [line.split(",") for line in out.splitlines()]
    found = {(r[1], r[0], r[2]) for r in records if r[0] in FIGURES}
    for figure, cases in FIGURES.items():
        for case, who in cases.items():
            got = {w for c, f, w in found if (c, f) == (case, figure)}
            if not got:  # other programs had the processors all the time
                check(f"note,{figure} {case}: 0 of 1 runs in " in out,
                      f"{figure} {case}: neither record nor note", out)
                continue
            check(who <= got, f"{figure} {case}: {got} is recorded, not {who}", out)
    check(found, "nothing was recorded", out)


@test
def unknown_figure_is_refused_with_the_known_ones():
    code, _, err = threads("-f", "F1")
    check(code == 1 and "figure 'F1': legal are F5,F6,F7,F9" in err, f"exit code {code}", err)


main()
