#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Compare the speed of two builds of dpdk-dmafwd; not part of the test run.

    compare_forward.py [-n PAIRS] [-t SECONDS] [-s BYTES] A B VDEV [VDEV...]

Forwards from one net_null port to another with the DMA devices VDEV, by A and by B in turns, and
prints for each pair packets per second of processor time of the forwarding lcore, then the median
of the ratios B/A. Processor time, because on a shared machine the clock on the wall measures the
neighbours. LD_LIBRARY_PATH says where the driver is.
"""

import argparse
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

DRIVER = "librte_dma_ioat_pmd.so"
LIMIT = 10000  # of all numbers
PATIENCE = 60  # seconds of the clock for one of processor time, and at least


def lcore_time(pid):
    """Seconds of processor time that lcore 1 has used; 0: it has no thread yet."""
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            name = (task / "comm").read_text(encoding="ascii").strip()
            if re.fullmatch(r"(lcore|rte)-worker-1|dpdk-worker1", name):
                return int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except OSError:  # it has just ended
        pass
    return 0


def positive(kind):
    """A type of argument: a number above 0."""
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value <= LIMIT:
            raise argparse.ArgumentTypeError(f"'{text}': legal is above 0, at most {LIMIT}")
        return value
    return parse


def measure(program, args):
    """Packets per second of processor time."""
    vdevs = [f"--vdev={vdev}" for vdev in args.vdev]
    ports = [f"--vdev=net_null{n},size={args.size}" for n in (0, 1)]
    command = [program, "-d", DRIVER, "--no-huge", "-m", "512", "--no-pci", "--no-telemetry",
               "--no-shconf", "--log-level=error", "-l", "0,1", *vdevs, *ports,
               "--", "--no-mac-updating"]
    if shutil.which(program) is None:
        sys.exit(f"compare_forward.py: {program} is no program")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        end = time.monotonic() + PATIENCE * max(1, args.seconds)
        while run.poll() is None and time.monotonic() < end and lcore_time(run.pid) < args.seconds:
            time.sleep(0.05)
        # Stopped, it neither forwards nor uses time between the two readings.
        run.send_signal(signal.SIGSTOP)
        spent = lcore_time(run.pid) if run.poll() is None else 0
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGCONT)
        table = run.stdout.read()
    found = re.search(r"^total copied by DMA packets: (\d+)$", table, re.MULTILINE)
    if run.returncode != 0 or spent < args.seconds or not found or int(found[1]) == 0:
        sys.exit(f"{' '.join(command)}: exit status {run.returncode}, lcore time {spent} s\n"
                 f"{table}")
    return int(found[1]) / spent


def main():
    """Run the pairs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--pairs", type=positive(int), default=9)
    parser.add_argument("-t", "--seconds", type=positive(float), default=2,
                        help="of processor time")
    parser.add_argument("-s", "--size", type=positive(int), default=64, help="bytes of a packet")
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("vdev", nargs="+")
    args = parser.parse_args()
    ratios = []
    for pair in range(args.pairs):
        rate = {}
        for name in "ab" if pair % 2 == 0 else "ba":
            rate[name] = measure(getattr(args, name), args)
        ratios.append(rate["b"] / rate["a"])
        print(f"pair {pair + 1}: A {rate['a'] / 1e6:.3f}, B {rate['b'] / 1e6:.3f} million "
              f"packets/s, B/A {ratios[-1]:.3f}", flush=True)
    print(f"median of {args.pairs} ratios B/A: {statistics.median(ratios):.3f}"
          f" ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
