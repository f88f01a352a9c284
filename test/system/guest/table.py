#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Print what the guest tests of a build have shown, as a table in Markdown.

usage: table.py BUILD
"""

import json
import sys
from pathlib import Path

DRIVERS = {"linux": "Linux `ioatdma`", "peer-vfio": "DPDK's own, vfio-pci",
           "ours-vfio": "ours, vfio-pci", "ours-uio": "ours, uio_pci_generic"}


def main():
    """Print a row for each run, and one for each of its figures."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    outcomes = [json.loads(path.read_text())
                for path in sorted(Path(sys.argv[1]).glob("guest/*/outcome.json"))]
    if not outcomes:
        sys.exit(f"table.py: no guest test has run in '{sys.argv[1]}'")
    print("| Driver | Device | Versions | Passed | Failed | Skipped | Figures |")
    print("|---|---|---|---|---|---|---|")
    for o in outcomes:
        versions = ", ".join(f"{name} {v}" for name, v in o.get("versions", {}).items())
        figures = "<br>".join(f"{name}: {v}" for name, v in o.get("figures", {}).items())
        print(f"| {DRIVERS.get(o['scenario'], o['scenario'])} | {o['device']} | {versions} "
              f"| {o['passed']} | {o['failed']} | {o['skipped']} | {figures} |")


if __name__ == "__main__":
    main()
