#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Captures go into dmafwd and must come out as they were, packet by packet.

usage: test_forward.py DMAFWD CAPTURE COPIER...
"""

import os
import random
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../devtools"))

import pcap  # noqa: E402  pylint: disable=wrong-import-position
from tap import DRIVER, EAL, add, check, main, run  # noqa: E402

DMAFWD, CAPTURE = sys.argv[1:3]
EMU = "--vdev=dma_ioat_emu0"
COPIERS = {  # how dmafwd is told to copy, and the DMA devices it gets
    "cpu": ("sw", []),
    "skeleton": ("hw", ["--vdev=dma_skeleton"]),
    "ioat-thread": ("hw", ["-d", DRIVER, EMU]),
    "ioat-inline": ("hw", ["-d", DRIVER, EMU + ",inline=1"]),
    "ioat-skx": ("hw", ["-d", DRIVER, EMU + ",inline=1,device=skx"]),
    "ioat-bdx": ("hw", ["-d", DRIVER, EMU + ",inline=1,device=bdx"]),
    "ioat-ivb": ("hw", ["-d", DRIVER, EMU + ",inline=1,device=ivb"]),
}

rand = random.Random(20260101)


def packets(sizes):
    """Packets of given sizes with Ethernet headers and random contents."""
    return [b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + rand.randbytes(size - 14) for size in sizes]


INPUTS = {
    "every_size_from_60_to_1514": packets(range(60, 1515)),
    "mixed_sizes": packets(rand.choices((60, 64, 590, 1280, 1514), k=20000)),
    "jumbo_frames_in_chained_buffers": packets(
        [n for size in (2000, 2048, 4000, 9000) for n in range(size - 3, size + 4)] * 5),
    "jumbo_and_small_alternating": packets([60, 9000, 1514, 60, 4096, 2049] * 200),
    "one_packet": packets([100]),
    "shipped_capture": pcap.read(CAPTURE),
}


def table(text):
    """The final totals of dmafwd."""
    return {name: int(value) for name, value in
            re.findall(r"^total ([^:]+): (\d+)$", text, re.M)}


def check_table(text, copy_type, expected):
    """All received packets were copied by what was asked for, sent, and none dropped."""
    total = table(text)
    count, size = len(expected), sum(map(len, expected))
    by, other = ("DMA", "CPU") if copy_type == "hw" else ("CPU", "DMA")
    for name, want in {"received packets": count, "sent packets": count, "in flight": 0,
                       f"copied by {by} packets": count, f"copied by {by} bytes": size,
                       f"copied by {other} packets": 0, f"copied by {other} bytes": 0}.items():
        check(total.get(name) == want, f"'{name}' is {total.get(name)}, should be {want}", text)
    dropped = {k: v for k, v in total.items() if k.startswith("dropped")}
    check(dropped and not any(dropped.values()), f"drops: {dropped}", text)


def forward(expected, copy_type, eal, two_ports=False):
    """Packets go in, and come out the same. With two ports each goes out of the other."""
    with tempfile.TemporaryDirectory() as folder:
        sent = os.path.join(folder, "in.pcap")
        ports = (0, 1) if two_ports else (0,)
        out = [os.path.join(folder, f"out{n}.pcap") for n in ports]
        pcap.write(sent, expected)
        vdevs = [f"--vdev=net_pcap{n},rx_pcap={sent},tx_pcap={out[n]}" for n in ports]
        # Frames as long as the device takes: their data arrives in chains of buffers.
        code, stdout, stderr = run(
            [DMAFWD, *EAL, "--no-pci", *eal, *vdevs, "--", "-c", copy_type,
             "--no-mac-updating", "--idle-exit", "1"])
        check(code == 0, f"exit code {code}", stdout + stderr)
        check_table(stdout, copy_type, expected * len(ports))
        for path in out:
            found = pcap.difference(expected, pcap.read(path))
            check(found is None, f"{os.path.basename(path)}: {found}")


def mac_updating(copy_type, eal):
    """Only the two addresses change, as documented, whatever the port's own address is."""
    expected = INPUTS["mixed_sizes"][:1000]
    with tempfile.TemporaryDirectory() as folder:
        sent, out = os.path.join(folder, "in.pcap"), os.path.join(folder, "out.pcap")
        pcap.write(sent, expected)
        code, stdout, stderr = run(
            [DMAFWD, *EAL, "--no-pci", *eal, f"--vdev=net_pcap0,rx_pcap={sent},tx_pcap={out}",
             "--", "-c", copy_type, "--mac-updating", "--idle-exit", "1"])
        check(code == 0, f"exit code {code}", stdout + stderr)
        received = pcap.read(out)
    found = pcap.difference([p[12:] for p in expected], [p[12:] for p in received])
    check(found is None, f"behind the addresses: {found}")
    check(all(p[:6] == b"\x02\0\0\0\0\0" for p in received), "a destination address is wrong")
    check(len({p[6:12] for p in received}) == 1, "source addresses differ")


def two_directions(copy_type, eal):
    """Two ports at a time, each with a stream of its own."""
    forward(INPUTS["mixed_sizes"], copy_type, eal, two_ports=True)


for copier in sys.argv[3:]:
    kind, arguments = COPIERS[copier]
    for what, content in INPUTS.items():
        add(f"{what}_unchanged_through_{copier}", forward, content, kind, arguments)
    two = arguments + [a.replace("emu0", "emu1").replace("skeleton", "skeleton1")
                       for a in arguments if a.startswith("--vdev")]
    add(f"both_directions_unchanged_through_{copier}", two_directions, kind, two)
    add(f"mac_updating_changes_only_addresses_through_{copier}", mac_updating, kind, arguments)

main()
