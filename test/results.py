#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Count single test cases after meson test.

    results.py list BUILD TAG SUITE...    names of the tests that belong to one of the suites
    results.py needs BUILD TAG SUITE...   what has to be built for them, in the words of ninja
    results.py count BUILD TAG SUITE...   a line "SUITE PASSED FAILED SKIPPED" per suite with tests

TAG, when it is not empty, is one more suite that the tests must belong to.

Nothing may pass by being silent: a test program that crashed, ran out of time, gave no result at
all or fewer than its plan announced counts as failed, and so does one that meson lists but did not
run.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

RESULT = re.compile(r"^(?P<bad>not )?ok\b(?P<rest>.*)$", re.MULTILINE)
PLAN = re.compile(r"^1\.\.(?P<count>\d+)(?P<rest>.*)$", re.MULTILINE)
SKIP = re.compile(r"#\s*SKIP", re.IGNORECASE)
EXIT_SKIPPED = 77


def count_tap(record):
    """(passed, failed, skipped) of a program that prints TAP."""
    text = record["stdout"] if "stdout" in record else ""
    passed = failed = skipped = 0
    for line in RESULT.finditer(text):
        # cmocka 1.1 writes "not ok 2 # SKIP name" for a test that skips itself.
        if SKIP.search(line["rest"]):
            skipped += 1
        elif line["bad"]:
            failed += 1
        else:
            passed += 1
    ran = passed + failed + skipped
    plan = PLAN.search(text)
    if ran == 0:
        said_why = plan is not None and plan["count"] == "0" and SKIP.search(plan["rest"])
        skips = said_why or record.get("returncode") == EXIT_SKIPPED
        return (0, 0, 1) if skips else (0, max(1, int(plan["count"]) if plan else 1), 0)
    if plan is None:
        failed += 1
    else:
        failed += max(0, int(plan["count"]) - ran)
    ended_well = record.get("returncode") == 0 and record["result"] not in ("TIMEOUT", "INTERRUPT")
    if failed == 0 and not ended_well:
        failed = 1
    return passed, failed, skipped


def count_exit(record):
    """(passed, failed, skipped) of a program that only has an exit code."""
    return {"OK": (1, 0, 0), "SKIP": (0, 0, 1)}.get(record["result"], (0, 1, 0))


def show_failures(record):
    """Print the lines of a TAP output that are not about success."""
    for line in (record or {}).get("stdout", "").splitlines():
        if not re.match(r"ok |1\.\.", line):
            print(f"    {line}", file=sys.stderr)


def show_skip(record, suite, test):
    """Print why a whole program was skipped."""
    plan = PLAN.search((record or {}).get("stdout", ""))
    if plan and plan["count"] == "0":
        why = SKIP.split(plan["rest"])[-1].strip()
        print(f"SKIPPED {suite} / {test['name']}: {why}", file=sys.stderr)


def tests_of(build, tag, suites):
    """Yield (suite, test) for the tests meson knows in the suites."""
    listing = subprocess.run(["meson", "introspect", "--tests", str(build)],
                             check=True, capture_output=True, text=True).stdout
    for test in json.loads(listing):
        tags = [tag.split(":", 1)[-1] for tag in test["suite"]]
        for suite in suites:
            if suite in tags and tag in ("", *tags):
                yield suite, test
                break


def needs_of(build, tests):
    """The files in the build folder that the tests start or load."""
    listing = subprocess.run(["meson", "introspect", "--targets", str(build)],
                             check=True, capture_output=True, text=True).stdout
    files = {target["id"]: target["filename"] for target in json.loads(listing)}
    wanted = {name for _, test in tests for need in test["depends"] for name in files[need]}
    return sorted(str(Path(name).relative_to(build.resolve())) for name in wanted)


def key(name, command):
    """What a test is known by both before and after the run."""
    return name, tuple(command)


def records_of(build):
    """What meson test wrote, by name and command: the same name can occur in two suites."""
    log = build / "meson-logs" / "testlog.json"
    if not log.exists():
        return {}
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return {key(record["name"].split(" / ")[-1], record["command"]): record
            for record in map(json.loads, lines)}


def main():
    """Print the list or the counts."""
    if len(sys.argv) < 5 or sys.argv[1] not in ("list", "needs", "count"):
        sys.exit("usage: results.py list|needs|count BUILD TAG SUITE...")
    build = Path(sys.argv[2])
    tests = list(tests_of(build, sys.argv[3], sys.argv[4:]))
    if sys.argv[1] == "list":
        print("\n".join(test["name"] for _, test in tests))
        return
    if sys.argv[1] == "needs":
        print("\n".join(needs_of(build, tests)))
        return
    records = records_of(build)
    totals = {}
    for suite, test in tests:
        record = records.get(key(test["name"], test["cmd"]))
        if record is None:
            counts = (0, 1, 0)
        else:
            counts = (count_tap if test["protocol"] == "tap" else count_exit)(record)
        if counts[1]:
            why = record["result"] if record else "did not run"
            print(f"FAILED {suite} / {test['name']} ({why}): {counts[1]} of its cases",
                  file=sys.stderr)
            # meson test shows what is on stderr, but not the TAP that it has understood.
            show_failures(record)
        else:
            show_skip(record, suite, test)
        totals[suite] = [a + b for a, b in zip(totals.get(suite, (0, 0, 0)), counts)]
    for suite, counts in totals.items():
        print(suite, *counts)


if __name__ == "__main__":
    main()
