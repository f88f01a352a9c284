#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Odd captures: devtools/pcap.py finds in them what dmafwd gets from its port, or says why not.

usage: test_captures.py DMAFWD SOURCE-ROOT
"""

import os
import re
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../devtools"))

import pcap  # noqa: E402  pylint: disable=wrong-import-position
from tap import EAL, add, check, main, run  # noqa: E402

DMAFWD, ROOT = sys.argv[1:3]
DEMO = os.path.join(ROOT, "devtools/demo.sh")
PACKETS = [bytes(range(n % 251)) * (size // (n % 251)) + bytes(size % (n % 251))
           for n, size in ((14, 60), (77, 128), (99, 342), (250, 1514))]


def old(packets, magic=0xA1B2C3D4, order="<", snaplen=65535, version=(2, 4), record=b""):
    """A capture in the old format; record is what a dialect adds to each packet's header."""
    data = struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, 1)
    for i, p in enumerate(packets):
        data += struct.pack(order + "IIII", i, 0, len(p), len(p)) + record + p
    return data


def block(kind, body, order="<"):
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order="<"):
    """A section header."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(snaplen=65535, link=1, order="<"):
    """The description of an interface."""
    return block(1, struct.pack(order + "HHI", link, 0, snaplen), order)


def enhanced(packet, number=0, order="<"):
    """A packet of interface number."""
    head = struct.pack(order + "IIIII", number, 0, 0, len(packet), len(packet))
    return block(6, head + packet, order)


def obsolete(packet, number=0):
    """The same in a packet block, which pcapng no longer has."""
    return block(2, struct.pack("<HHIIII", number, 0, 0, 0, len(packet), len(packet)) + packet)


def simple(packet, have):
    """A packet of the first interface, of which have bytes were kept."""
    return block(3, struct.pack("<I", len(packet)) + packet[:have])


def each(pack, *args):
    """All packets, packed."""
    return b"".join(pack(p, *args) for p in PACKETS)


CUT = [p[:96] for p in PACKETS]
READ = {  # name: the file, and what is in it
    "packets_longer_than_the_snap_length": (old(PACKETS, snaplen=96), CUT),
    "a_snap_length_of_zero": (old(PACKETS, snaplen=0), PACKETS),
    "numbers_of_the_other_byte_order": (old(PACKETS, order=">"), PACKETS),
    "nanoseconds": (old(PACKETS, magic=0xA1B23C4D), PACKETS),
    "the_format_with_interface_and_protocol": (
        old(PACKETS, magic=0xA1B2CD34, record=bytes(8)), PACKETS),
    "a_packet_of_no_bytes": (old([b"", *PACKETS]), [b"", *PACKETS]),
    "packets_shorter_than_a_header": (old([b"1", b"1234567890123"]), [b"1", b"1234567890123"]),
    "pcapng": (section() + interface() + each(enhanced), PACKETS),
    "pcapng_of_the_other_byte_order": (
        section(">") + interface(order=">") + each(enhanced, 0, ">"), PACKETS),
    "obsolete_packet_blocks": (section() + interface() + each(obsolete), PACKETS),
    "simple_packet_blocks_with_a_snap_length": (
        section() + interface(96) + b"".join(simple(p, 96) for p in PACKETS), CUT),
    "two_interfaces_of_one_snap_length": (
        section() + interface() + interface() + each(enhanced) + each(enhanced, 1), PACKETS * 2),
    "two_sections": ((section() + interface() + each(enhanced)) * 2, PACKETS * 2),
    "blocks_of_unknown_kinds": (
        section() + interface() + block(0x0BAD, b"1234") + each(enhanced), PACKETS),
}
REFUSED = {  # name: the file, and a word of the reason
    "interfaces_of_other_snap_lengths": (
        section() + interface(262144) + interface(65535) + each(enhanced), "snapshot length"),
    "interfaces_of_other_link_types": (
        section() + interface() + each(enhanced) + interface(link=113) + each(enhanced, 1), "type"),
    "sections_of_other_byte_orders": (
        section() + interface() + each(enhanced) +
        section(">") + interface(order=">") + each(enhanced, 0, ">"), "stops"),
    "a_packet_of_an_interface_that_is_not_there": (
        section() + interface() + each(enhanced, 7), "interface"),
    "an_end_inside_a_packet": (old(PACKETS)[:-1], "truncated"),
    "an_end_inside_a_packet_header": (old(PACKETS) + bytes(7), "truncated"),
    "an_end_inside_a_block": ((section() + interface() + each(enhanced))[:-5], "truncated"),
    "a_link_type_that_is_not_ethernet": (section() + interface(link=113) + each(enhanced), "113"),
    "an_old_version": (old(PACKETS, version=(1, 0)), "archaic"),
    "no_capture": (b"no capture at all, but long enough for a header", "format"),
    "nothing": (b"", "truncated"),
}


def comes_out_as_pcap_py_reads_it(content, expected):
    """What was put in is read; the port gets the same, and dmafwd sends it."""
    with tempfile.TemporaryDirectory() as folder:
        sent, out = os.path.join(folder, "in.pcap"), os.path.join(folder, "out.pcap")
        with open(sent, "wb") as f:
            f.write(content)
        found = pcap.difference(expected, pcap.read(sent))
        check(found is None, f"read: {found}")
        code, stdout, stderr = run(
            [DMAFWD, *EAL, "--no-pci", f"--vdev=net_pcap0,rx_pcap={sent},tx_pcap={out}", "--",
             "-c", "sw", "--no-mac-updating", "--idle-exit", "1"])
        check(code == 0, f"exit code {code}", stdout + stderr)
        check(f"total sent packets: {len(expected)}\n" in stdout, "not all sent", stdout)
        found = pcap.difference(expected, pcap.read(out))
        check(found is None, f"forwarded: {found}")


def demo_refuses(content, word):
    """One line that names the file and what libpcap met, before anything is built."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        f.write(content)
        f.flush()
        code, out, err = run([DEMO, f.name])
        check((code, out) == (2, ""), f"exit code {code}", out + err)
        check(re.fullmatch(rf"demo\.sh: {re.escape(f.name)}: [^\n]*{word}[^\n]*\n", err),
              f"not one line with '{word}'", err)


for case, (data, packets) in READ.items():
    add(f"{case}_come_out_as_they_are_read", comes_out_as_pcap_py_reads_it, data, packets)
for case, (data, reason) in REFUSED.items():
    add(f"{case}_is_refused_with_the_reason", demo_refuses, data, reason)

main()
