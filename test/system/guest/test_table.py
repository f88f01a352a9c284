# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""doc/model.md tells what the guest tests have shown, all of it and nothing else.

usage: test_table.py BUILD DOCUMENT SCENARIO-DEVICE...

It looks at the outcomes that the guest tests left in BUILD, so it comes after them.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import table  # pylint: disable=wrong-import-position
import tap  # pylint: disable=wrong-import-position

BUILD, DOCUMENT = sys.argv[1], Path(sys.argv[2])
EXPECTED = {tuple(name.rsplit("-", 1)) for name in sys.argv[3:]}
HINT = f"to bring it up to date: test/system/guest/table.py {BUILD} --update doc/model.md"


def seen():
    """The outcomes in the build."""
    results = table.outcomes(BUILD)
    if not results:
        raise tap.Skip("no guest has run")
    return results


def names(keys):
    """Scenarios and devices for a reader."""
    return ", ".join(sorted("-".join(key) for key in keys))


@tap.test
def every_scenario_was_run_on_each_of_its_devices():
    missing = EXPECTED - seen().keys()
    tap.check(not missing, f"not run: {names(missing)}")


@tap.test
def table_can_be_made_of_what_was_run():
    text = table.table(seen())
    tap.check(all(f"| `{scenario}` | `{device}` |" in text for scenario, device in EXPECTED),
              "a run has no row", text)


@tap.test
def document_names_the_runs_there_are():
    told = table.counts_in(DOCUMENT.read_text(encoding="utf-8")).keys()
    tap.check(told == EXPECTED, f"not told: {names(EXPECTED - told)}; told, but no test: "
              f"{names(told - EXPECTED)}; {HINT}")


@tap.test
def document_tells_the_counts_that_were_seen():
    told = table.counts_in(DOCUMENT.read_text(encoding="utf-8"))
    counts = {key: tuple(outcome[count] for count in table.COUNTS)
              for key, outcome in seen().items()}
    wrong = [f"{names([key])}: {told.get(key)} is told, {counts[key]} (passed, failed, skipped) "
             "was seen" for key in sorted(counts) if told.get(key) != counts[key]]
    tap.check(not wrong, "; ".join(wrong) + f"; {HINT}")


tap.main()
