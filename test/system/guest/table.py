#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""What the guest tests of a build have shown, as a table in Markdown.

usage: table.py BUILD                    print it
       table.py BUILD --update DOCUMENT  write it between the two marks of DOCUMENT
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "devtools"))
import own_file  # pylint: disable=wrong-import-position

BEGIN = "<!-- results of guests: written by test/system/guest/table.py -->"
END = "<!-- end of results of guests -->"
# By what the names of scenarios begin with: the driver, and whose version is the driver's.
DRIVERS = {"linux": ("Linux's `ioatdma`", "Linux"),
           "peer": ("DPDK's own", "DPDK"),
           "ours": ("ours", "DPDK")}
COUNTS = ("passed", "failed", "skipped")


class Wrong(Exception):
    """The table cannot be made, or the document has none; the text says why."""


def read_outcome(path):
    """What a run has noted."""
    try:
        found = json.loads(path.read_text())
        if all(name in found for name in ("scenario", "device", *COUNTS)):
            return found
    except ValueError:
        pass
    raise Wrong(f"{path} is not what a run writes: run its test again, or remove it")


def outcomes(build):
    """What was run in a build, by scenario and device. What is no test of it (any more) is left."""
    tests = json.loads((Path(build) / "meson-info/intro-tests.json").read_text())
    names = {test["name"] for test in tests}
    found = [read_outcome(path) for path in Path(build).glob("guest/*/outcome.json")]
    return {(o["scenario"], o["device"]): o for o in found
            if f"guest-{o['scenario']}-{o['device']}" in names}


def row(outcome):
    """The cells of one run."""
    scenario = outcome["scenario"]
    if scenario.split("-")[0] not in DRIVERS:
        raise Wrong(f"scenario '{scenario}' names no driver, legal beginnings: "
                    f"{', '.join(DRIVERS)}")
    driver, software = DRIVERS[scenario.split("-")[0]]
    if software not in outcome.get("versions", {}):
        raise Wrong(f"{scenario}-{outcome['device']} was broken off, see the outcome of its test")
    figures = "; ".join(f"{name}: {value}" for name, value in outcome.get("figures", {}).items())
    figures = re.sub(r" [\d.]+ iops [\d.]+ KB/s \(\d+\)", "", figures) # an emulator's, of dmatest
    return [f"{driver}, {software} {outcome['versions'][software]}", f"`{scenario}`",
            f"`{outcome['device']}`", *(str(outcome[count]) for count in COUNTS), figures]


def table(results):
    """The lines between the marks."""
    qemus = sorted({o["versions"]["QEMU"] for o in results.values() if "versions" in o})
    rows = [row(results[key]) for key in sorted(results)]
    return "\n".join([
        f"On QEMU {', '.join(qemus)}, cases of each run:", "",
        "| Driver | Scenario | Device | Passed | Failed | Skipped | Figures |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(cells)} |" for cells in rows)])


def marked(document):
    """A document: what is before the marks, between, and behind them."""
    parts = re.split(f"(?:{re.escape(BEGIN)}\n|\n{re.escape(END)})", document)
    if len(parts) != 3:
        raise Wrong(f"the document needs the lines '{BEGIN}' and '{END}', once each")
    return parts


def counts_in(document):
    """The counts that a document tells, by scenario and device."""
    rows = re.findall(r"^\|[^|]+\| `([\w.-]+)` \| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|",
                      marked(document)[1], re.M)
    return {(scenario, device): tuple(map(int, counts)) for scenario, device, *counts in rows}


def main():
    """Print or write the table."""
    words = sys.argv[1:]
    if len(words) not in (1, 3) or words[1:2] not in ([], ["--update"]):
        sys.exit(__doc__)
    try:
        results = outcomes(words[0])
        if not results:
            raise Wrong(f"no guest test has run in '{words[0]}'")
        text = table(results)
        if len(words) == 1:
            print(text)
            return
        old = Path(words[2]).read_text(encoding="utf-8")
        before, _, behind = marked(old)
        # What is changed meanwhile is not overwritten, either.
        with own_file.beside(words[2], old.encode()) as path:
            Path(path).write_text(f"{before}{BEGIN}\n{text}\n{END}{behind}", encoding="utf-8")
    except FileExistsError as why:
        sys.exit(f"table.py: {why.filename}: {why.strerror}")
    except (OSError, Wrong) as why:
        sys.exit(f"table.py: {why}")


if __name__ == "__main__":
    main()
