#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""The table of doc/driver.md names tests that exist, each in the program that it names.

    test_table.py SOURCE_ROOT
"""

import re
import sys
from pathlib import Path

ROWS = range(1, 28)  # the defects of DPDK's driver
TEST = re.compile(r"^TEST\((\w+)\)", re.MULTILINE)
PROGRAM = re.compile(r"\b(contract|driver_\w+|system):|`([\w-]+)`")


def tests_of(root, program):
    """The names of all tests of a program."""
    if program == "system":
        return set(re.findall(r"'([\w-]+)': \[", (root / "test/system/meson.build").read_text()))
    if program == "contract":
        files = (root / "test/contract").glob("test_*.c")
    else:
        files = [root / "test/unit/driver" / program.replace("driver_", "test_", 1)]
        files = [file.with_suffix(".c") for file in files if file.with_suffix(".c").exists()]
    return {name for file in files for name in TEST.findall(file.read_text())}


def table(root):
    """Of each row the numbers and the text of the tests."""
    text = (root / "doc/driver.md").read_text().split("## What was proven where")[1]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and re.fullmatch(r"[\d, ]+", cells[0]):
            yield [int(number) for number in cells[0].split(",")], cells[2]


def row_errors(root, text):
    """What is wrong with the tests of one row."""
    program, named = None, 0
    for match in PROGRAM.finditer(text):
        if match[1]:
            program = match[1]
        elif program == "system" or re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", match[2]):
            named += 1
            if match[2] not in tests_of(root, program or ""):
                yield f"{program} has no test {match[2]}"
    if not named:
        yield "no test is named"


def main(root):
    """Check all rows. Return the exit code."""
    errors, seen = [], []
    for numbers, text in table(root):
        seen += numbers
        errors += [f"row {numbers}: {error}" for error in row_errors(root, text)]
    if seen != list(ROWS):
        errors.append(f"the rows are {seen}")
    print("1..1")
    print("not ok" if errors else "ok", "1 - each row of the table names tests that exist")
    for error in errors:
        print("#", error)
    return 1 if errors else 0


sys.exit(main(Path(sys.argv[1])))
