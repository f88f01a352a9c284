#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Each bad argument gets one line that names it and the legal values, and a failing exit code.

usage: test_arguments.py DMAFWD SOURCE-ROOT [with-driver]
"""

import os
import struct
import sys
import tempfile

from tap import DRIVER, EAL, add, check, main, run, test

DMAFWD, ROOT = sys.argv[1:3]
PORT = ["--no-pci", "--vdev=net_null0"]


def one_line(text, words):
    """Exactly one line, and the words in it."""
    lines = text.strip().splitlines()
    check(len(lines) == 1, f"{len(lines)} lines instead of one", text)
    for word in words:
        check(word in lines[0], f"'{word}' is not in the line", text)


def refused(command, words):
    """A script's bad argument: nothing on stdout, one line on stderr, exit code not 0."""
    code, out, err = run(command)
    check(code != 0, "exit code 0", out + err)
    check(out == "", "something on stdout", out)
    one_line(err, words)


def dmafwd_refuses(arguments, words):
    """The line of the app among those of EAL, which may have started before."""
    code, out, err = run([DMAFWD, *EAL, *PORT, "--", *arguments])
    check(code != 0, "exit code 0", out + err)
    lines = [line for line in err.splitlines() if all(word in line for word in words)]
    check(len(lines) == 1, f"{len(lines)} lines with {words}", out + err)
    ours = [line for line in (out + err).splitlines() if "option" in line or "rgument" in line]
    check(ours == lines, "more is said about options than the one line", "\n".join(ours))


NUMBERS = {  # option: its long name, first and last legal value, a value that is bad in its way
    "-q": ("--nb-queue", "1", "64", "0"),
    "-b": ("--dma-batch-size", "1", "1024", "1025"),
    "-s": ("--ring-size", "64", "32768", "100"),
    "-i": ("--stats-interval", "0", "86400", "86401"),
    "-f": ("--max-frame-size", "64", "16128", "63"),
}
for option, (name, low, high, bad) in NUMBERS.items():
    for value in (bad, "x", "-1", "7z", "", "99999999999999999999"):
        add(f"dmafwd_refuses_{option}_'{value}'", dmafwd_refuses, [option, value],
            [name, f"'{value}'", low, high])
    add(f"dmafwd_refuses_{name}={bad}", dmafwd_refuses, [f"{name}={bad}"], [name, low, high])
    add(f"dmafwd_refuses_{option}_without_value", dmafwd_refuses, [option], [name, "missing"])
    add(f"dmafwd_refuses_{option}_twice", dmafwd_refuses, [option, low, name, low],
        [name, "more than once"])
for value in ("0", "g", "", "1x", "10000000000000000"):
    add(f"dmafwd_refuses_-p_'{value}'", dmafwd_refuses, ["-p", value],
        ["--portmask", f"'{value}'", "ffffffffffffffff"])
add("dmafwd_refuses_absent_ports", dmafwd_refuses, ["-p", "3", "-c", "sw"],
    ["--portmask", "'3'", "bits of 1"])
for value in ("", "dma", "HW"):
    add(f"dmafwd_refuses_-c_'{value}'", dmafwd_refuses, ["-c", value],
        ["--copy-type", f"'{value}'", "hw or sw"])
add("dmafwd_refuses_bad_idle_exit", dmafwd_refuses, ["--idle-exit", "soon"],
    ["--idle-exit", "'soon'", "0 to 86400"])
add("dmafwd_refuses_both_mac_updating_forms", dmafwd_refuses,
    ["--mac-updating", "--no-mac-updating"], ["mac-updating", "more than once"])
add("dmafwd_refuses_a_value_of_a_switch", dmafwd_refuses, ["--mac-updating=1"],
    ["--mac-updating", "no value"])
add("dmafwd_refuses_an_unknown_option", dmafwd_refuses, ["--nonsense"], ["--nonsense", "-h"])
add("dmafwd_refuses_a_stray_word", dmafwd_refuses, ["word"], ["'word'", "-h"])


@test
def dmafwd_without_dma_device_says_how_to_add_one():
    code, out, err = run([DMAFWD, *EAL, *PORT, "--", "-c", "hw"])
    check(code != 0, "exit code 0", out + err)
    check("--vdev=dma_skeleton" in err or "--vdev=dma_ioat_emu" in err, "no such hint", err)


@test
def dmafwd_without_port_says_how_to_add_one():
    code, out, err = run([DMAFWD, *EAL, "--no-pci", "--", "-c", "sw"])
    check(code != 0, "exit code 0", out + err)
    check("--vdev=net_" in err, "no such hint", err)


@test
def dmafwd_help_names_every_option_and_succeeds():
    code, out, err = run([DMAFWD, *EAL, *PORT, "--", "-h"])
    check(code == 0, f"exit code {code}", err)
    for name, *_ in list(NUMBERS.values()) + [("--portmask",), ("--copy-type",),
                                              ("--idle-exit",), ("mac-updating",)]:
        check(name in out, f"{name} is missing", out)


def vdev_refuses(arguments, words):
    """The driver explains it in one line. EAL goes on without the device, dmafwd does not."""
    code, out, err = run([DMAFWD, *EAL, *PORT, "-d", DRIVER,
                          f"--vdev=dma_ioat_emu0,{arguments}", "--", "-c", "hw"])
    check(code != 0, "exit code 0", out + err)
    lines = [line for line in (out + err).splitlines() if line.startswith("IOAT")]
    one_line("\n".join(lines), words)


if sys.argv[3:] == ["with-driver"]:
    for arguments, words in {
            "device=abc": ["device=abc", "icx", "skx", "bdx", "ivb"],
            "device=": ["device=", "icx", "skx", "bdx", "ivb"],
            "xfercap=11": ["xfercap=11", "12", "30"],
            "xfercap=31": ["xfercap=31", "12", "30"],
            "xfercap=4k": ["xfercap=4k", "12", "30"],
            "channels=0": ["channels=0", "1", "16"],
            "channels=17": ["channels=17", "1", "16"],
            "channels=": ["channels=", "1", "16"],
            "lcore=-1": ["lcore=-1", "0"],
            "lcore=x": ["lcore=x", "0"],
            "lcore=127": ["lcore=127", "lcore"],
            "inline=2": ["inline=2", "0", "1"],
            "inline=yes": ["inline=yes", "0", "1"],
            "inline=1,lcore=0": ["inline", "lcore"],
            "nonsense=1": ["nonsense", "device", "xfercap", "channels", "lcore", "inline"],
            "device=icx,device=skx": ["device", "more than once"],
    }.items():
        add(f"vdev_refuses_{arguments}", vdev_refuses, arguments, words)

SETUP = os.path.join(ROOT, "devtools/setup.sh")
for bad, words in {
        "--nonsense": ["'--nonsense'", "--dpdk", "--cache", "--print-sdk"],
        "word": ["'word'", "--dpdk", "--cache", "--print-sdk"],
        "--dpdk": ["--dpdk", "folder"],
        "--cache": ["--cache", "folder"],
        "--source": ["--source", "folder"],
        "--source /nowhere": ["--source", "/nowhere", "VERSION"],
        "--dpdk /nowhere": ["--dpdk", "/nowhere", "libdpdk.pc"],
        "--cache /etc/passwd": ["--cache", "/etc/passwd", "folder"],
}.items():
    add(f"setup_refuses_'{bad}'", refused, [SETUP, *bad.split()], words)

BARE = os.path.join(ROOT, "test/bare.sh")
for bad, words in {
        "": ["suite", "bookworm", "trixie"],
        "sid": ["'sid'", "bookworm", "trixie"],
        "trixie bookworm": ["'bookworm'", "one suite"],
        "--nonsense": ["'--nonsense'", "--keep", "--help"],
}.items():
    add(f"bare_refuses_'{bad}'", refused, [BARE, *bad.split()], words)

DEMO = os.path.join(ROOT, "devtools/demo.sh")
for bad, words in {
        "-c gpu": ["-c", "'gpu'", "hw, sw"],
        "-c": ["-c", "missing"],
        "-s 0": ["-s", "'0'", "1 to 4000"],
        "-s 4001": ["-s", "'4001'", "1 to 4000"],
        "-s 1x": ["-s", "'1x'", "1 to 4000"],
        "-b /etc/passwd": ["-b", "'/etc/passwd'", "folder"],
        "-z": ["'-z'", "-c", "-s", "-b", "-h"],
        "--nonsense": ["'--nonsense'", "-c", "-s", "-b", "--dpdk", "--help"],
        "--dpdk": ["--dpdk", "libdpdk.pc"],
        "--dpdk /nowhere": ["--dpdk", "'/nowhere'", "libdpdk.pc"],
        "/nowhere.pcap": ["'/nowhere.pcap'", "pcap"],
        "/etc/passwd /etc/group": ["'/etc/group'", "one capture"],
}.items():
    add(f"demo_refuses_'{bad}'", refused, [DEMO, *bad.split()], words)


def demo_refuses_file(content, words):
    """A file that is no usable capture ends the demo before it builds anything."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(content)
        f.flush()
        refused([DEMO, f.name], [f.name, *words])


HEADER = bytes.fromhex("d4c3b2a1020004000000000000000000ffff0000")
add("demo_refuses_a_file_that_is_no_capture", demo_refuses_file, b"no capture\n", ["pcap"])
add("demo_refuses_an_empty_file", demo_refuses_file, b"", ["pcap"])
add("demo_refuses_a_capture_of_another_link_type", demo_refuses_file,
    HEADER + b"\x71\0\0\0", ["113", "Ethernet"])
add("demo_refuses_a_capture_without_packets", demo_refuses_file, HEADER + b"\x01\0\0\0",
    ["no packet"])
add("demo_refuses_a_packet_longer_than_the_port_writes", demo_refuses_file,
    HEADER + b"\x01\0\0\0" + struct.pack("<IIII", 0, 0, 16129, 16129) + bytes(16129),
    ["packet 0", "16129", "16128"])


@test
def demo_help_is_the_same_by_both_names():
    short, long = run([DEMO, "-h"]), run([DEMO, "--help"])
    check(short == long and short[0] == 0 and "--dpdk" in short[1], "differs", str(long))


main()
