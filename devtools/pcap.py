#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Capture files (pcap and pcapng): read and write with libpcap, compare, record."""

import argparse
import ctypes
import errno
import os
import signal
import socket
import struct
import sys
from functools import lru_cache

import own_file

ETHERNET = 1  # DLT_EN10MB
SNAPLEN = 262144
# struct tpacket_auxdata of linux/if_packet.h, and what of that file Python does not have
AUXDATA = struct.Struct("=IIIHHHH")
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
ETH_P_8021Q = 0x8100
ERROR_SIZE = 256  # PCAP_ERRBUF_SIZE


class CaptureError(Exception):
    """A file that is no capture of Ethernet packets, or one that libpcap does not read whole."""


class PacketHeader(ctypes.Structure):
    """struct pcap_pkthdr"""
    _fields_ = [("seconds", ctypes.c_long), ("microseconds", ctypes.c_long),
                ("caplen", ctypes.c_uint32), ("len", ctypes.c_uint32)]


@lru_cache(maxsize=None)
def _libpcap():
    """DPDK's port for captures reads and writes with this library: so what it says holds."""
    for name in "libpcap.so.0.8", "libpcap.so.1":  # Debian's name, and that of others
        try:
            lib = ctypes.CDLL(name)
        except OSError:
            continue
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for function, result, *arguments in (
                ("pcap_open_offline", pointer, text, ctypes.c_char_p),
                ("pcap_datalink", ctypes.c_int, pointer),
                ("pcap_next_ex", ctypes.c_int, pointer,
                 ctypes.POINTER(ctypes.POINTER(PacketHeader)), ctypes.POINTER(pointer)),
                ("pcap_open_dead", pointer, ctypes.c_int, ctypes.c_int),
                ("pcap_dump_open", pointer, pointer, text),
                ("pcap_dump", None, pointer, ctypes.POINTER(PacketHeader), text),
                ("pcap_dump_flush", ctypes.c_int, pointer),
                ("pcap_dump_close", None, pointer),
                ("pcap_geterr", text, pointer),
                ("pcap_close", None, pointer)):
            getattr(lib, function).restype = result
            getattr(lib, function).argtypes = arguments
        return lib
    raise CaptureError("libpcap is not installed (Debian: libpcap0.8)")


def _packets(lib, capture):
    """The packets of an open capture, as libpcap delivers them."""
    header, data = ctypes.POINTER(PacketHeader)(), ctypes.c_void_p()
    packets = []
    while (code := lib.pcap_next_ex(capture, ctypes.byref(header), ctypes.byref(data))) == 1:
        packets.append(ctypes.string_at(data.value, header.contents.caplen))
    if code == -1:
        why = lib.pcap_geterr(capture).decode(errors="replace")
        raise CaptureError(f"libpcap reads {len(packets)} packets of it and stops: {why}")
    return packets


def read(path):
    """The packets of a capture file (pcap, pcapng) as a list of bytes."""
    lib = _libpcap()
    with open(path, "rb"):  # its own error names the cause in better words
        pass
    error = ctypes.create_string_buffer(ERROR_SIZE)
    capture = lib.pcap_open_offline(os.fsencode(path), error)
    if not capture:
        raise CaptureError(f"{path}: is no capture that libpcap reads: "
                           f"{error.value.decode(errors='replace')}")
    try:
        link = lib.pcap_datalink(capture)
        if link != ETHERNET:
            raise CaptureError(f"has link type {link}, legal: {ETHERNET} (Ethernet)")
        return _packets(lib, capture)
    except CaptureError as e:
        raise CaptureError(f"{path}: {e}") from e
    finally:
        lib.pcap_close(capture)


def write(path, packets):
    """Write packets, one microsecond apart."""
    lib = _libpcap()
    capture = lib.pcap_open_dead(ETHERNET, SNAPLEN)
    dump = lib.pcap_dump_open(capture, os.fsencode(path))
    try:
        if not dump:
            raise CaptureError(lib.pcap_geterr(capture).decode(errors="replace"))
        for i, p in enumerate(packets):
            header = PacketHeader(i // 1000000, i % 1000000, len(p), len(p))
            lib.pcap_dump(dump, ctypes.byref(header), bytes(p))
        if lib.pcap_dump_flush(dump) != 0:
            raise CaptureError(f"{path}: cannot be written whole")
    finally:
        if dump:
            lib.pcap_dump_close(dump)
        lib.pcap_close(capture)


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


def library(_args):
    """Command: whether captures can be read here."""
    try:
        _libpcap()
    except CaptureError:
        return 1
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
    """Command: write what an interface sees, until a signal comes or the interface is gone.

    A capture carries no mark of ours, so that one which is there is left as it is.
    """
    def stop(*_):
        raise KeyboardInterrupt

    own_file.check(args.file)
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
    with own_file.beside(args.file) as path:
        write(path, packets)
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
    sub = commands.add_parser("library", help="exit with 0 if libpcap is installed, else 1")
    sub.set_defaults(run=library)
    sub = commands.add_parser("record", help="capture an interface until a signal (root)")
    sub.add_argument("interface")
    sub.add_argument("file")
    sub.set_defaults(run=record)
    args = parser.parse_args()
    try:
        return args.run(args)
    except FileExistsError as e:
        print(f"{e.filename}: {e.strerror}", file=sys.stderr)
        return 2
    except (CaptureError, OSError) as e:
        print(e, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
