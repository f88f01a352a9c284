#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""When dmafwd --idle-exit ends, and when not.

usage: test_forward_idle.py DMAFWD
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tap import EAL, Skip, check, main, test

DMAFWD = sys.argv[1]
# There is always a packet to receive.
COMMAND = [DMAFWD, *EAL, "--no-pci", "-l", "0,1", "--vdev=net_null0", "--", "-c", "sw",
           "--idle-exit", "1"]
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # __WALL: threads too


def forwarding_thread(process):
    """The thread of lcore 1, as soon as there is one that has run."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            name = (task / "comm").read_text(encoding="ascii").strip()
            spent = int((task / "schedstat").read_text(encoding="ascii").split()[0])
            if re.fullmatch(r"(lcore|rte)-worker-1|dpdk-worker1", name) and spent > 1e8:
                return int(task.name)
        time.sleep(0.05)
    raise AssertionError(f"lcore 1 does not run, exit code {process.poll()}")


def ptrace(request, thread):
    """Call ptrace without arguments; skips where it is forbidden."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) == -1:
        raise Skip(f"no ptrace here: {os.strerror(ctypes.get_errno())}")


@test
def an_lcore_that_does_not_run_is_not_idle():
    """As on a busy machine: for longer than --idle-exit nothing was received, and nothing asked."""
    with subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            thread = forwarding_thread(process)
            ptrace(PTRACE_SEIZE, thread)
            ptrace(PTRACE_INTERRUPT, thread)
            os.waitpid(thread, WAIT_ALL)
            time.sleep(2.5)
            ptrace(PTRACE_DETACH, thread)
            time.sleep(0.5)
            ended = process.poll() is not None
            process.send_signal(signal.SIGINT)
            table = process.communicate(timeout=60)[0]
        finally:
            process.kill()
    check(not ended, "it has ended by itself", table)
    check(process.returncode == 0, f"exit code {process.returncode}", table)


main()
