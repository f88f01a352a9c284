#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""What /ioat/... says over the telemetry socket, as dpdk-telemetry.py asks for it."""

import json
import os
import socket
import subprocess
import time

from tap import DRIVER, check, main, test, tool

PREFIX = f"ioat_telemetry_{os.getpid()}"
RUN = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
SOCKET = f"{RUN}/dpdk/{PREFIX}/dpdk_telemetry.v2"
SECONDS = 600
program = {}


def until(what, get):
    """Wait for a result of get that is true."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        got = get()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError(f"no {what} in {SECONDS} s")


def connection():
    """A connection to a dpdk-test with two channels, started when it is needed first."""
    if not program:
        # pylint: disable=consider-using-with
        program["process"] = subprocess.Popen(
            [tool("dpdk-test"), "--no-huge", "-m", "256", "--no-pci", f"--file-prefix={PREFIX}",
             "-d", DRIVER, "--vdev=dma_ioat_emu0,channels=2"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("telemetry socket", lambda: os.path.exists(SOCKET))
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(SECONDS)
    s.connect(SOCKET)
    s.recv(1024)  # the greeting
    return s


def ask(command):
    """The reply to one command."""
    with connection() as s:
        s.send(command.encode())
        return json.loads(s.recv(16384))[command.split(",", maxsplit=1)[0]]


def type_in(line):
    """Give dpdk-test a line of input."""
    program["process"].stdin.write(line.encode() + b"\n")
    program["process"].stdin.flush()


@test
def list_names_both_channels():
    check(ask("/ioat/list") == [0, 1], str(ask("/ioat/list")))


@test
def info_tells_what_a_channel_is():
    info = ask("/ioat/info,1")
    check(info["name"] == "dma_ioat_emu0_ch1" and info["device"] == "dma_ioat_emu0", str(info))
    check(info["version"] == "3.4" and info["bytes_per_descriptor"] == 1 << 21, str(info))
    check(info["state"] == "stopped" and info["ring_slots"] == 0, str(info))


@test
def registers_of_a_channel_at_rest_are_decoded():
    regs = ask("/ioat/regs,0")
    check(regs["state"] == "HALTED" and regs["errors"] == "none", str(regs))
    check(regs["CHANSTS"] == "0x3" and regs["CHANCTRL"] == "0x100", str(regs))


@test
def statistics_of_a_channel_at_rest_are_zero():
    stats = ask("/ioat/stats,0")
    check(stats.pop("last_chanerr") == "0x0" and not any(stats.values()), str(stats))


@test
def statistics_count_halts_by_cause_and_recoveries():
    connection().close()
    type_in("dmadev_autotest")

    def failed():
        """Halts stay counted; the test resets the counters of operations now and then."""
        stats = ask("/ioat/stats,1")
        return stats if stats["halts_source_address"] > 2 else None

    stats = until("failed operations", failed)
    check(stats["completion_writes"] >= stats["doorbells"], str(stats))
    check(stats["recoveries"] >= stats["halts_source_address"], str(stats))
    check(stats["last_chanerr"] == "0x1", str(stats))


@test
def a_bad_id_gets_an_error_reply():
    for command in "info", "stats", "regs":
        for bad in "", ",", ",7", ",-1", ",x", ",0x", ",99999999999999999999", ",1,1":
            check(ask(f"/ioat/{command}{bad}") is None, f"/ioat/{command}{bad}")


@test
def every_command_has_a_help_text():
    for command in "list", "info", "stats", "regs":
        text = ask(f"/help,/ioat/{command}")
        check("I/OAT" in str(text), str(text))


@test
def the_program_ends_as_usual():
    connection().close()
    type_in("quit")
    check(program["process"].wait(SECONDS) == 0, "exit code")


try:
    main()
finally:
    if program:
        program["process"].kill()
