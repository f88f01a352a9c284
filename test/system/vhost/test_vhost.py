#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""DPDK's vhost library copies packets to a guest by our device (vhost_async.c).

usage: test_vhost.py VHOST_ASYNC
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
from tap import DRIVER, EAL, Skip, add, check, main, run, test

PROGRAM = sys.argv[1]
PACKETS = 256
TOLD = "the device does not reach the destination of an operation"


def exchange(vdev, memory):
    """What the program prints on its last line, and all of it."""
    with tempfile.TemporaryDirectory() as folder:
        code, out, err = run([PROGRAM, *EAL, "--no-pci", "-l", "0", "--log-level=lib.vhost:error",
                              "-d", DRIVER, f"--vdev={vdev}", "--",
                              os.path.join(folder, "socket"), vdev.split(",")[0], str(PACKETS),
                              memory])
    if "net_virtio_user0" in err and "Cannot find" in err:
        raise Skip("DPDK's driver net_virtio is not installed")
    check("configure: 0" in out, f"vhost does not take the device, exit code {code}", out + err)
    check(code == 0, f"exit code {code}", out + err)
    return out.splitlines()[-1], out + err


def all_arrive(vdev, memory):
    """Each packet arrives as it was sent."""
    last, out = exchange(vdev, memory)
    check(last == f"sent {PACKETS}, copied {PACKETS}, arrived {PACKETS}, different 0", last, out)
    check(TOLD not in out, "an address was not reached", out)


@test
def guest_memory_that_eal_does_not_know_is_not_written_and_the_remedy_is_named_once():
    last, out = exchange("dma_ioat_emu0,inline=1", "forget")
    check("arrived 0, " in last, last, out)
    lines = [line for line in out.splitlines() if TOLD in line]
    check(len(lines) == 1, f"{len(lines)} lines", out)
    check("rte_extmem_register()" in lines[0], lines[0])


for name, device, kind in (("skeleton", "dma_skeleton", "forget"),
                           ("inline", "dma_ioat_emu0,inline=1", "register"),
                           ("thread", "dma_ioat_emu0", "register")):
    add(f"packets_copied_by_{name}_arrive_in_the_guest_as_they_were_sent", all_arrive, device, kind)
main()
