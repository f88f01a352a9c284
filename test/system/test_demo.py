#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""devtools/demo.sh does the main job, and leaves nothing behind, however it ends.

usage: test_demo.py SOURCE-ROOT BUILD-FOLDER
"""

import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from tap import Skip, check, main, run, test

ROOT, BUILD = sys.argv[1:3]
DEMO = [os.path.join(ROOT, "devtools/demo.sh"), "-b", BUILD]
CAPTURE = os.path.join(ROOT, "test/data/demo.pcap")
DEMO_SECONDS = 300  # for an end or a process, where others have the processors


def need_namespaces():
    """Live traffic needs a network namespace with a veth in it."""
    command = ["unshare", "--net", "ip", "link", "add", "name", "side0", "type", "veth",
               "peer", "name", "side1"]
    if os.geteuid() != 0:
        raise Skip("live traffic needs root")
    if run(command)[0] != 0:
        raise Skip("no network namespaces or no veth here")


def passes(arguments, *lines):
    """The demo ends well and says these lines (patterns)."""
    code, out, err = run(DEMO + arguments, seconds=1500)
    check(code == 0, f"exit code {code}", out + err)
    for line in lines:
        check(re.search(line, out, re.M), f"no line '{line}'", out)
    return out


@test
def shipped_capture_comes_out_identical_copied_by_dma():
    passes([CAPTURE], r"identical$", r"^PASSED: .*copied by emulated I/OAT", r" 0 copied by CPU")


@test
def shipped_capture_with_c_sw_is_copied_by_cpu_and_says_so():
    passes(["-c", "sw", CAPTURE], r"identical$", r"^PASSED: .*by the CPU \(-c sw\)",
           r" 0 copied by DMA")


@test
def live_download_is_identical_and_copied_by_dma():
    need_namespaces()
    out = passes(["-s", "10"], r"^PASSED: .*byte-identical", r" 0 copied by CPU",
                 r" 0 dropped by dmafwd", r"^ +ping +min ")
    check(len(set(re.findall(r"(?:sent|arrived) +([0-9a-f]{64})$", out, re.M))) == 1,
          "not one sha256", out)
    for channel in "dma_ioat_emu0", "dma_ioat_emu1":
        check(re.search(rf"dma \d device: {channel}", out), f"{channel} was not used", out)


@test
def live_download_with_c_sw_is_copied_by_cpu_and_says_so():
    need_namespaces()
    passes(["-s", "10", "-c", "sw"], r"^PASSED: .*by the CPU \(-c sw\)", r" 0 copied by DMA")


def session(leader):
    """The living processes of a session: their names by their numbers."""
    names = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        if int(fields[3]) == leader and fields[0] != "Z":
            names[int(text.split()[0])] = text[text.index("("):text.rindex(")") + 1]
    return names


def await_process(leader, name):
    """Wait until a process of this name is in a session."""
    end = time.monotonic() + DEMO_SECONDS
    while name not in session(leader).values():
        check(time.monotonic() < end, f"no process {name} in {DEMO_SECONDS} s")
        time.sleep(0.05)


def await_empty(leader, folder, files_too, seconds):
    """Wait until nothing is left. Returns what still is."""
    end = time.monotonic() + seconds
    while True:
        left = [*session(leader).values(), *(os.listdir(folder) if files_too else [])]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


def interrupt(step, number, exit_code):
    """Send a signal a moment after the demo has said that it does this step."""
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen(
                DEMO + ["-s", "400"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                env=dict(os.environ, TMPDIR=folder)) as demo:
            text = ""
            for line in demo.stdout:
                text += line
                if line.split()[:1] == [step]:
                    break
            check(demo.poll() is None, f"the demo never came to '{step}'", text)
            time.sleep(0.4)
            demo.send_signal(number)
            try:
                demo.wait(DEMO_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(demo.pid, signal.SIGKILL)
                raise AssertionError(f"does not end in {DEMO_SECONDS} s after the signal") from None
            check(demo.returncode == exit_code, f"exit code {demo.returncode}", text)
            killed = number == signal.SIGKILL  # then nobody is left to remove files
            left = await_empty(demo.pid, folder, not killed, DEMO_SECONDS)
            check(not left, f"left behind: {left}", text)


@test
def answers_that_come_late_are_no_lost_pings():
    """A busy machine may keep dmafwd from running for longer than any ping before took."""
    need_namespaces()
    with subprocess.Popen(DEMO + ["-s", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True) as demo:
        text = ""
        for line in demo.stdout:
            text += line
            if line.split()[:1] == ["pinging"]:
                await_process(demo.pid, "(ping)")
                pids = [pid for pid, name in session(demo.pid).items() if name == "(dpdk-dmafwd)"]
                for number in signal.SIGSTOP, signal.SIGCONT:
                    for pid in pids:
                        os.kill(pid, number)
                    time.sleep(1.5)
        demo.wait(DEMO_SECONDS)
        check(demo.returncode == 0, f"exit code {demo.returncode}", text)
        slowest = re.search(r"max ([0-9.]+) ms", text)
        check(slowest and float(slowest[1]) > 500, "no ping met the pause", text)


@test
def interrupted_while_preparing_it_leaves_nothing():
    interrupt("preparing", signal.SIGINT, 130)


@test
def terminated_while_building_it_leaves_nothing():
    interrupt("building", signal.SIGTERM, 143)


@test
def interrupted_while_making_the_network_it_leaves_nothing():
    need_namespaces()
    interrupt("network", signal.SIGINT, 130)


@test
def interrupted_during_the_download_it_leaves_nothing():
    need_namespaces()
    interrupt("downloading", signal.SIGINT, 130)


@test
def terminated_during_the_download_it_leaves_nothing():
    need_namespaces()
    interrupt("downloading", signal.SIGTERM, 143)


@test
def killed_during_the_download_no_process_survives():
    need_namespaces()
    interrupt("downloading", signal.SIGKILL, -signal.SIGKILL)


main()
