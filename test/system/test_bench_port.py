#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""devtools/bench-port: it measures what it says and refuses what it cannot. Never how fast.

usage: test_bench_port.py SOURCE_ROOT BUILD_ROOT PYTHON
"""

import csv
import json
import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tap import EAL, check, main, run, test

ROOT, BUILD, PYTHON = sys.argv[1:4]
COST = os.path.join(BUILD, "devtools", "bench", "bench-port-cost")
BURSTS = ("1", "4", "8", "32", "64")
USERS = ("raw", "raw-status", "raw-ctx", "port", "port-single", "port-sleep")


def bench(*options, build=BUILD):
    """Exit code and output of a run."""
    code, out, err = run([PYTHON, os.path.join(ROOT, "devtools", "bench-port"), "-d", build,
                          *options])
    return code, out + err


def cost(*options, **more):
    """Exit code and output of the measuring program itself."""
    code, out, err = run([COST, *EAL, "--no-pci", "--log-level=*:error", "--", *options], **more)
    return code, out + err


@test
def each_burst_and_user_is_measured_in_each_run_of_each_repetition():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.csv")
        code, out = bench("--any-build", "-f", "F1", "-r", "3", "--repeat", "2", "--csv", path)
        check(code == 0, f"exit code {code}", out)
        with open(path, encoding="ascii") as f:
            rows = [tuple(r[k] for k in ("repeat", "figure", "case", "who", "run"))
                    for r in csv.DictReader(f)]
    want = {(repeat, "F1", burst, who, run_) for repeat in "12" for burst in BURSTS
            for who in USERS for run_ in "012"}
    check(Counter(rows) == Counter(want), f"{len(rows)} rows and not {len(want)}", str(rows))


@test
def runs_are_shared_out_to_several_starts_and_counted_on():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.csv")
        code, out = bench("--any-build", "-f", "F4", "-r", "41", "--csv", path)
        check(code == 0, f"exit code {code}", out)
        with open(path, encoding="ascii") as f:
            runs = Counter(int(r["run"]) for r in csv.DictReader(f))
    check(runs == Counter({n: 6 for n in range(41)}), f"records by run: {runs}", out)


@test
def each_target_is_judged_once_for_each_repetition():
    code, out = bench("--any-build", "-f", "F1,F4,F8", "-r", "3", "--repeat", "2")
    check(code == 0, f"exit code {code}", out)
    judged = re.findall(r"^  \S.* [<>]= [\d.]+ .*$", out, re.M)
    check(len(judged) == 11, f"{len(judged)} targets", out)
    for line in judged:
        check(len(re.findall(r"\b(met|missed)\b", line)) == 2, line)


@test
def every_context_is_checked_before_anything_is_measured():
    # The program ends with an error when one does not come back once, in order, with its status.
    code, out = cost("-r", "1")
    check(code == 0, f"exit code {code}", out)
    lines = out.splitlines()
    checked = [i for i, line in enumerate(lines) if line.startswith("checked,")]
    check(len(checked) == 6 + 6 + 7, f"{len(checked)} users were checked", out)
    for figure in "F1", "F4", "F8":
        first = next(i for i, line in enumerate(lines) if line.startswith(figure + ","))
        own = [i for i in checked if lines[i].startswith(f"checked,{figure},")]
        check(max(own) < first, f"{figure} was measured before it was checked", out)
    ops = [int(lines[i].rsplit(",", 1)[1]) for i in checked]
    check(min(ops) >= 3 * 128, f"fewer than three laps of a ring: {ops}")


@test
def get_that_fails_instead_of_finding_nothing_is_no_measurement():
    preload = os.path.join(BUILD, "devtools", "bench", "bad_get.so")
    code, out = cost("-r", "1", "-f", "F4", env=dict(os.environ, LD_PRELOAD=preload))
    check(code == 1 and "F4: Bad message" in out, f"exit code {code}", out)
    check(": results 0x80000000" in out and not re.search(r"^F4,", out, re.M),
          "recorded all the same", out)


@test
def build_that_is_no_release_is_refused_with_its_type():
    with tempfile.TemporaryDirectory() as folder:
        info = Path(folder) / "meson-info"
        info.mkdir()
        (info / "intro-buildoptions.json").write_text(json.dumps(
            [{"name": "buildtype", "value": "debug"}, {"name": "b_sanitize", "value": "none"}]))
        code, out = bench("-f", "F1", "-r", "1", build=folder)
    check(code == 1 and "a build of type debug" in out and "--buildtype=release" in out,
          f"exit code {code}", out)


@test
def missing_build_folder_is_named():
    code, out = bench("-f", "F1", build=os.path.join(BUILD, "no-such-folder"))
    check(code == 1 and "no-such-folder is no build folder" in out, f"exit code {code}", out)


@test
def unknown_figure_is_refused_with_the_known_ones():
    code, out = bench("-f", "F1,F77")
    check(code == 2 and "figure 'F77': legal are F1," in out, f"exit code {code}", out)


@test
def csv_file_that_cannot_be_written_is_named():
    code, out = bench("--any-build", "-f", "F4", "-r", "1", "--csv", "/no/such/folder/x.csv")
    check(code == 1 and "/no/such/folder/x.csv: No such file" in out, f"exit code {code}", out)


@test
def forwarding_without_a_build_of_before_is_listed_as_not_measured():
    code, out = bench("--any-build", "-f", "F10")
    check(code == 0 and re.search(r"F10: .*: not measured: --before", out),
          f"exit code {code}", out)


@test
def forwarding_compared_with_no_program_is_refused():
    code, out = bench("--any-build", "-f", "F10", "--before", "/no/such/dmafwd")
    check(code == 1 and "F10: /no/such/dmafwd is no program" in out, f"exit code {code}", out)


@test
def forwarding_is_compared_in_pairs():
    # The build's own program as that of before: what it measures is not looked at.
    dmafwd = os.path.join(BUILD, "app", "dmafwd", "dpdk-dmafwd")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.csv")
        code, out = bench("--any-build", "-f", "F10", "-r", "2", "--before", dmafwd, "--csv", path)
        check(code == 0, f"exit code {code}", out)
        with open(path, encoding="ascii") as f:
            rows = Counter((r["who"], r["run"]) for r in csv.DictReader(f))
    want = Counter((who, run_) for who in ("before", "port") for run_ in "12")
    check(rows == want, f"rows: {rows}", out)
    check(re.search(r"port at 64 / before at 64 >= 0.97 +[\d.]+ (met|missed)", out),
          "no verdict", out)


@test
def program_refuses_bad_options_with_what_is_legal():
    for options, want in ((("-r", "0"), "runs '0': legal is 1 to 100000"),
                          (("-r", "9x"), "runs '9x': legal is 1 to 100000"),
                          (("-f", "F2"), "figure 'F2': legal are F1,F4,F8"),
                          (("-f", ""), "figure '': legal are F1,F4,F8"),
                          (("-x",), "-h lists the options"),
                          (("word",), "'word' is no option")):
        code, out = cost(*options)
        check(code == 1 and want in out, f"{options}: exit code {code}", out)
    code, out = cost("-h")
    check(code == 0 and "--figures" in out and "--count" in out, f"exit code {code}", out)


main()
