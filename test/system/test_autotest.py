#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""The distribution's own dpdk-test runs dmadev_autotest on our device.

usage: test_autotest.py VDEV
"""

import re
import sys

from tap import DRIVER, EAL, check, main, run, test, tool

SECTIONS = "copy", "burst capacity", "error handling", "fill"
VDEV = sys.argv[1]
result = {}


def autotest():
    """Output of the run, and of it what belongs to our device."""
    if not result:
        code, out, err = run(
            [tool("dpdk-test"), *EAL, "--no-pci", "-d", DRIVER, f"--vdev={VDEV}"],
            "dmadev_autotest\nquit\n", seconds=1500)
        out = re.sub(r"[\r\n]+", "\n", out)
        name = VDEV.split(",", maxsplit=1)[0]
        ours = re.search(rf"^### Test dmadev instance \d+ \[{name}\]$(.*?)(?=^###|^Test |\Z)",
                         out, re.M | re.S)
        result.update(code=code, all=brief(out) + err, ours=ours.group(1) if ours else "")
    return result


def brief(text):
    """The output without the line of counts that follows each of many rounds."""
    return re.sub(r"^Ops .*\n", "", text, flags=re.M)


@test
def dmadev_autotest_says_test_ok():
    r = autotest()
    check(r["code"] == 0, f"exit code {r['code']}", r["all"])
    check(re.search(r"^Test OK$", r["all"], re.M), "no 'Test OK'", r["all"])


@test
def api_tests_of_the_suite_ran_too():
    check(re.search(r"^Failed\s*: 0$", autotest()["all"], re.M), "no 'Failed : 0'")


@test
def sections_copy_capacity_errors_and_fill_all_ran_on_our_device():
    ours = autotest()["ours"]
    for section in SECTIONS:
        check(f"Running {section} Tests" in ours, f"section {section} did not run", brief(ours))


@test
def no_section_was_skipped_on_our_device():
    ours = autotest()["ours"]
    check("Running copy Tests" in ours, "our device was not tested", brief(ours))
    check("skip" not in ours.lower(), "a section was skipped", brief(ours))


@test
def copies_ran_through_more_than_the_65536_ids():
    counts = re.findall(r"Ops submitted: (\d+)\s+Ops completed: (\d+)\s+Errors: (\d+)",
                        autotest()["ours"])
    check(counts, "no counts")
    check(max(int(c[0]) for c in counts) > 65536, f"counts {counts[-1]}")
    check(all(c[0] == c[1] for c in counts), "submitted and completed differ")


main()
