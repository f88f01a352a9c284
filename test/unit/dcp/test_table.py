#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""The tables of doc/dcp.md name tests and mutants that exist.

    test_table.py SOURCE_ROOT
"""

import re
import sys
from pathlib import Path

PROMISES = [f"S{number}" for number in range(1, 13)]
TESTS = [f"T{number}" for number in range(1, 22)]
TEST = re.compile(r"^TEST\((\w+)\)", re.MULTILINE)
PROGRAM_OR_TEST = re.compile(r"\b(dcp_\w+):|`(\w+)`")


def rows(root, heading):
    """The cells of each row of the tables below a heading."""
    text = (root / "doc/dcp.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.match(r"[ST]\d", cells[0]):
            yield cells


def promise_errors(folder, cells):
    """What is wrong with a row of the promises: groups of tests, then mutants."""
    number = cells[0].split()[0]
    groups, _, mutants = cells[2].partition(";")
    for group in re.findall(r"\w+", groups):
        if not (folder / f"test_dcp_{group}.c").exists() and not (folder / group).is_dir():
            yield f"{number}: there is no test_dcp_{group}.c"
    planted = [line.split("~")[0] for line in (folder / "mutants.txt").read_text().splitlines()]
    named = re.findall(r"`([\w-]+)`", mutants)
    if not any(name.startswith(number + "-") for name in named):
        yield f"{number}: no mutant of its own is named"
    for name in named:
        if name not in planted:
            yield f"{number}: mutants.txt has no {name}"


def test_errors(folder, cells):
    """What is wrong with a row of the tests: programs, each with names of tests."""
    tests, named, program = [], 0, None
    for match in PROGRAM_OR_TEST.finditer(cells[2]):
        if match[1]:
            program = match[1]
            file = folder / f"test_{program}.c"
            tests = TEST.findall(file.read_text()) if file.exists() else []
            continue
        named += 1
        if match[2] not in tests:
            yield f"{cells[0]}: {program} has no test {match[2]}"
    if not named:
        yield f"{cells[0]}: no test is named"


def main(root):
    """Check both tables. Return the exit code."""
    folder = root / "test/unit/dcp"
    bad = 0
    cases = [("What is promised", PROMISES, promise_errors),
             ("How it was checked", TESTS, test_errors)]
    print(f"1..{len(cases)}")
    for number, (heading, wanted, check) in enumerate(cases, 1):
        table = list(rows(root, heading))
        errors = [error for cells in table for error in check(folder, cells)]
        seen = [cells[0].split()[0].rstrip("*") for cells in table]
        if seen != wanted:
            errors.append(f"the rows are {seen}")
        print(f"{'not ' if errors else ''}ok {number} - what is named below '{heading}' exists")
        for error in errors:
            print("#", error)
        bad += len(errors)
    return 1 if bad else 0


sys.exit(main(Path(sys.argv[1])))
