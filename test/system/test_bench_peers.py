#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""bench-port-peers: who is compared, that all operations come back, and what it refuses.

usage: test_bench_peers.py SOURCE_ROOT BUILD_ROOT PYTHON
"""

import os
import sys
from collections import Counter

from tap import EAL, check, main, run, test

BUILD = sys.argv[2]
PEERS = os.path.join(BUILD, "devtools", "bench", "bench-port-peers")
WHO = {"F2": ("port", "event", "event-best"), "F3": ("port", "nop", "nop-default", "port-ring")}
BURSTS = {"F2": ("8", "32"), "F3": ("1", "8", "32", "128")}


def peers(*options):
    """Exit code, output and errors of the program."""
    return run([PEERS, *EAL, "--no-pci", "--log-level=*:error", "--", *options])


@test
def each_peer_is_checked_then_measured_with_each_burst_in_each_run_or_the_figure_is_skipped():
    # The program ends with an error when a context does not come back, or a counter is wrong.
    code, out, err = peers("-r", "2")
    check(code == 0, f"exit code {code}", out + err)
    records = [line.split(",") for line in out.splitlines()]
    skipped = {r[1]: r[2] for r in records if r[0] == "skipped"}
    for figure, who in WHO.items():
        if figure in skipped:
            check(skipped[figure] != "", f"{figure} is skipped without a reason")
            continue
        checked = {r[2]: int(r[3]) for r in records if r[:2] == ["checked", figure]}
        check(set(checked) == set(who) and min(checked.values()) >= 1000, f"checked: {checked}")
        got = Counter(tuple(r[1:4]) for r in records if r[0] == figure)
        want = Counter((n, w, run_) for n in BURSTS[figure] for w in who for run_ in "01")
        check(got == want, f"{figure}: {got}")


@test
def unknown_figure_is_refused_with_the_known_ones():
    code, _, err = peers("-f", "F1")
    check(code == 1 and "figure 'F1': legal are F2,F3" in err, f"exit code {code}", err)


main()
