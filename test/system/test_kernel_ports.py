#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Ports of the kernel: no frame leaves dmafwd cut short, and the start names what may go wrong.

usage: test_kernel_ports.py DMAFWD

Runs itself again in a network namespace of its own, in which left0 -- port 0 and port 1 -- right0
are two veth pairs.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

from tap import EAL, Skip, add, check, main, run, test

DMAFWD = sys.argv[1]
INSIDE = "IOAT_PMD_TEST_NAMESPACE"
ETHERNET = b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5"  # a type for experiments
LIMIT = 1981  # of net_af_packet with its default framesz
SECONDS = 100
rand = random.Random(20260101)


def enter_namespace():
    """Start this program again in a namespace; returns why that cannot be done."""
    if INSIDE in os.environ:
        return None
    for options in ["--net"], ["-r", "--net"]:
        if run(["unshare", *options, "ip", "link", "add", "side0", "type", "veth", "peer",
                "name", "side1"])[0] == 0:
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", *options, sys.executable, *sys.argv])
    return "no network namespaces or no veth here"


UNABLE = enter_namespace()


def ip(*words):
    """Run ip, which must succeed."""
    code, _, err = run(["ip", *words])
    check(code == 0, f"ip {' '.join(words)}: {err}")


@contextmanager
def veths(mtu, offloads=False):
    """Two pairs; nothing but the test sends on them."""
    if UNABLE:
        raise Skip(UNABLE)
    names = ("left0", "port0"), ("right0", "port1")
    for pair in names:
        ip("link", "add", pair[0], "mtu", str(mtu), "type", "veth", "peer", "name", pair[1],
           "mtu", str(mtu))
        for name in pair:
            if not offloads:
                run(["ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off"])
            run(["ip", "link", "set", name, "addrgenmode", "none"])
            ip("link", "set", name, "up")
    try:
        yield
    finally:
        for pair in names:
            run(["ip", "link", "del", pair[0]])


@contextmanager
def dmafwd(ports, seen):
    """dmafwd on the two ports; at the end its final totals and its messages are in seen."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with subprocess.Popen(
                [DMAFWD, *EAL, "--no-pci", "-l", "0", *ports, "--", "-c", "sw", "-s", "64",
                 "--no-mac-updating"], stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
            try:
                yield process
                process.send_signal(signal.SIGINT)
                code = process.wait(SECONDS)
            finally:
                process.kill()
        for f in out, err:
            f.seek(0)
        seen["messages"] = err.read()
        text = out.read()
    check(code == 0, f"exit code {code}", text + seen["messages"])
    seen["table"] = {name: int(value) for name, value in
                     re.findall(r"^total ([^:]+): (\d+)$", text, re.M)}


def packet_socket(name):
    """A socket that sends and receives whole frames on an interface."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
    s.bind((name, 0))
    return s


def await_frame(right, wanted, frames):
    """Take frames off right until one begins with wanted; False: none came for a moment."""
    right.settimeout(0.2)
    try:
        while True:
            frame = right.recv(65536)
            if frame.startswith(wanted):
                return True
            frames.append(frame)
    except TimeoutError:
        return False


def carried(process, sizes):
    """Send frames of these sizes through dmafwd. Returns what was sent and what arrived."""
    sent = [ETHERNET + rand.randbytes(size - 14) for size in sizes]
    arrived, end = [], time.monotonic() + SECONDS
    with packet_socket("left0") as left, packet_socket("right0") as right:
        for mark in ETHERNET + b"first" + bytes(41), ETHERNET + b"last" + bytes(42):
            left.send(mark)
            while not await_frame(right, mark[:20], arrived):
                check(process.poll() is None, f"dmafwd ended: {process.returncode}")
                check(time.monotonic() < end, f"no frame comes through in {SECONDS} s")
                left.send(mark)
            if b"first" in mark:
                for frame in sent:
                    left.send(frame)
    return sent, [frame for frame in arrived if not frame.startswith(ETHERNET + b"first")]


def af_packet(more=""):
    """The two ports as net_af_packet."""
    return [f"--vdev=net_af_packet{n},iface=port{n},qdisc_bypass=1{more}" for n in (0, 1)]


SIZES = [60, 1514, LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2, 2016, 2017, 5000, 9014]


@test
def frames_beyond_the_ring_of_a_packet_socket_are_dropped_as_too_long_never_cut():
    seen = {}
    with veths(9000), dmafwd(af_packet(), seen) as process:
        sent, arrived = carried(process, SIZES)
    check(arrived == [f for f in sent if len(f) <= LIMIT],
          f"sizes that arrived: {[len(f) for f in arrived]}", seen["messages"])
    table = seen["table"]
    missing = len(sent) - len(arrived)
    check(table["dropped (too long)"] == missing, f"{missing} are missing, the table: {table}")
    check(table["received packets"] == table["sent packets"] + missing, f"the table: {table}")
    for n in 0, 1:
        lines = re.findall(rf"port {n} \(net_af_packet{n}, [^)]*\): port{n} has an MTU of 9000, .*",
                           seen["messages"])
        check(len(lines) == 1 and f" {LIMIT} bytes" in lines[0] and "framesz=16384" in lines[0],
              f"not one line that names port {n}, MTU, limit and remedy", seen["messages"])


@test
def frames_of_9014_bytes_pass_whole_with_the_arguments_that_the_warning_names():
    seen = {}
    more = ",framesz=16384,blocksz=16384,framecnt=64"
    with veths(9000), dmafwd(af_packet(more), seen) as process:
        sent, arrived = carried(process, SIZES)
    check(arrived == sent, f"sizes that arrived: {[len(f) for f in arrived]}", seen["messages"])
    check("has an MTU" not in seen["messages"], "a warning without cause", seen["messages"])


def says_offloads(offloads):
    """The hint at the start names the command that helps, where it helps."""
    seen = {}
    with veths(1500, offloads), dmafwd(af_packet(), seen) as process:
        carried(process, [60])
    for n in 0, 1:
        found = re.findall(rf"port {n} .*ethtool -K port{n} tx off tso off gso off",
                           seen["messages"])
        check(len(found) == (1 if offloads else 0), f"{len(found)} hints for port {n}",
              seen["messages"])
    check("has an MTU" not in seen["messages"], "a warning without cause", seen["messages"])


add("veths_with_their_default_offloads_get_a_hint_with_the_command", says_offloads, True)
add("veths_without_offloads_get_no_hint", says_offloads, False)


@test
def slots_that_no_buffer_holds_are_refused_by_name():
    with veths(1500):
        code, out, err = run([DMAFWD, *EAL, "--no-pci", "-l", "0",
                              *af_packet(",framesz=65536,blocksz=65536,framecnt=16"), "--",
                              "-c", "sw", "--idle-exit", "1"])
    if code == 0:
        raise Skip("the port of this DPDK chains buffers")
    check(code == 1 and re.search(r"port 0 .*'65536' .*framesz, legal: 128 to 32768", err),
          f"exit code {code}, no line that names port, value and range", out + err)


@test
def packets_beyond_what_a_capture_port_writes_are_dropped_as_too_long_never_cut():
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../devtools"))
    import pcap  # pylint: disable=import-outside-toplevel
    sent = [ETHERNET + rand.randbytes(n - 14) for n in (60, 16128, 16129, 30000, 70000, 1514)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("in.pcap", "out.pcap")]
        pcap.write(paths[0], sent)
        code, out, err = run([DMAFWD, *EAL, "--no-pci", "-l", "0",
                              "--vdev=net_pcap0,rx_pcap={},tx_pcap={}".format(*paths), "--",
                              "-c", "sw", "--no-mac-updating", "--idle-exit", "1"])
        arrived = pcap.read(paths[1])
    check(code == 0, f"exit code {code}", out + err)
    check(arrived == [p for p in sent if p in arrived] and len(arrived) >= 3,
          f"sizes that came out: {[len(p) for p in arrived]}", out)
    for line, count in ("sent packets", len(arrived)), \
            ("dropped (too long)", len(sent) - len(arrived)):
        check(f"total {line}: {count}\n" in out, f"'{line}' is not {count}", out)


main()
