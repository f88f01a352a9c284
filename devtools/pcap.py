#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Capture files (pcap and pcapng): read, write, compare packet by packet, record."""

import argparse
import errno
import signal
import socket
import struct
import sys

ETHERNET = 1
MAGIC = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
SNAPLEN = 262144
# struct tpacket_auxdata of linux/if_packet.h, and what of that file Python does not have
AUXDATA = struct.Struct("=IIIHHHH")
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
ETH_P_8021Q = 0x8100
NG_SECTION, NG_INTERFACE, NG_SIMPLE, NG_ENHANCED = 0x0A0D0D0A, 1, 3, 6


class CaptureError(Exception):
    """A file that is no capture of Ethernet packets."""


def _order(magic_le, known):
    """Byte order in which a file writes its numbers."""
    for order in "<", ">":
        if struct.unpack(order + "I", magic_le)[0] in known:
            return order
    raise CaptureError("is neither pcap nor pcapng")


def _check_link(link):
    if link != ETHERNET:
        raise CaptureError(f"has link type {link}, legal: {ETHERNET} (Ethernet)")


def _read_pcap(data):
    order = _order(data[:4], MAGIC)
    if len(data) < 24:
        raise CaptureError("ends inside its header")
    _check_link(struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF)
    at = 24
    while at < len(data):
        if len(data) - at < 16:
            raise CaptureError(f"ends inside a packet header at byte {at}")
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        at += 16
        if size > len(data) - at:
            raise CaptureError(f"ends inside a packet at byte {at}")
        yield data[at:at + size]
        at += size


def _read_pcapng(data):
    at, order, links = 0, "<", []
    while at < len(data):
        if len(data) - at < 12:
            raise CaptureError(f"ends inside a block at byte {at}")
        if data[at:at + 4] == struct.pack("<I", NG_SECTION):
            order, links = _order(data[at + 8:at + 12], (0x1A2B3C4D,)), []
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12 or size % 4 or size > len(data) - at:
            raise CaptureError(f"has a block of bad length {size} at byte {at}")
        body = data[at + 8:at + size - 4]
        at += size
        if kind == NG_INTERFACE:
            links.append(struct.unpack_from(order + "HHI", body))
        elif kind in (NG_ENHANCED, NG_SIMPLE):
            enhanced = kind == NG_ENHANCED
            iface, have, offset = 0, struct.unpack_from(order + "I", body)[0], 4
            if enhanced:
                iface, _, _, have = struct.unpack_from(order + "IIII", body)
                offset = 20
            if iface >= len(links):
                raise CaptureError(f"has a packet without interface before byte {at}")
            link, _, snaplen = links[iface]
            _check_link(link)
            if not enhanced and snaplen:
                have = min(have, snaplen)
            if have > len(body) - offset:
                raise CaptureError(f"ends inside a packet before byte {at}")
            yield body[offset:offset + have]


def read(path):
    """The packets of a capture file as a list of bytes."""
    with open(path, "rb") as f:
        data = f.read()
    try:
        if data[:4] == struct.pack("<I", NG_SECTION):
            return list(_read_pcapng(data))
        if len(data) < 4:
            raise CaptureError("is neither pcap nor pcapng")
        return list(_read_pcap(data))
    except (CaptureError, struct.error) as e:
        raise CaptureError(f"{path}: {e}") from e


def write(path, packets):
    """Write packets, one microsecond apart."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, ETHERNET))
        for i, p in enumerate(packets):
            f.write(struct.pack("<IIII", i // 1000000, i % 1000000, len(p), len(p)) + p)


def difference(sent, received):
    """What is different, in one line; None: nothing."""
    for i, (a, b) in enumerate(zip(sent, received)):
        if a == b:
            continue
        if len(a) != len(b):
            return f"packet {i}: {len(a)} bytes went in, {len(b)} came out"
        at = next(n for n in range(len(a)) if a[n] != b[n])
        return f"packet {i}: byte {at} is {b[at]:#04x}, was {a[at]:#04x}"
    if len(sent) != len(received):
        return f"{len(sent)} packets went in, {len(received)} came out"
    return None


def compare(args):
    """Command: compare two captures."""
    sent, received = read(args.sent), read(args.received)
    found = difference(sent, received)
    if found:
        print(found)
        return 1
    print(f"{len(sent)} packets, {sum(map(len, sent))} bytes: identical")
    return 0


def count(args):
    """Command: packets, bytes, which packet is the longest, its bytes."""
    sizes = [len(p) for p in read(args.file)]
    longest = max(sizes, default=0)
    print(len(sizes), sum(sizes), sizes.index(longest) if sizes else 0, longest)
    return 0


def with_tag(packet, ancillary):
    """A packet with the VLAN tag that the kernel took out of it and reports beside it."""
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and len(data) >= AUXDATA.size:
            status, _, _, _, _, tci, tpid = AUXDATA.unpack_from(data)
            if status & TP_STATUS_VLAN_VALID:
                if not status & TP_STATUS_VLAN_TPID_VALID:
                    tpid = ETH_P_8021Q
                return packet[:12] + struct.pack("!HH", tpid, tci) + packet[12:]
    return packet


def record(args):
    """Command: write what an interface sees, until a signal comes or the interface is gone."""
    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    packets = []
    every_protocol = socket.htons(3)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, every_protocol) as s:
        s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        s.bind((args.interface, 0))
        try:
            while True:
                packet, ancillary, _, _ = s.recvmsg(65536, socket.CMSG_SPACE(AUXDATA.size))
                packets.append(with_tag(packet, ancillary))
        except KeyboardInterrupt:
            pass
        except OSError as e:
            if e.errno not in (errno.ENETDOWN, errno.ENODEV):
                raise
    write(args.file, packets)
    return 0


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    sub = commands.add_parser("compare", help="compare two captures packet by packet")
    sub.add_argument("sent")
    sub.add_argument("received")
    sub.set_defaults(run=compare)
    sub = commands.add_parser("count", help="print the numbers of packets and of bytes, "
                              "which packet is the longest, and its bytes")
    sub.add_argument("file")
    sub.set_defaults(run=count)
    sub = commands.add_parser("record", help="capture an interface until a signal (root)")
    sub.add_argument("interface")
    sub.add_argument("file")
    sub.set_defaults(run=record)
    args = parser.parse_args()
    try:
        return args.run(args)
    except (CaptureError, OSError) as e:
        print(e, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
