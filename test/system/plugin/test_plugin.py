#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""One shared object is the plug-in of programs with shared and with static libraries of DPDK.

usage: test_plugin.py PLUGIN NAME=PROGRAM...    (programs of load.c; an empty path: not built)
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# pylint: disable=wrong-import-position
from tap import DRIVER, EAL, Skip, add, check, main, run, test, tool

PLUGIN = sys.argv[1]
PROGRAMS = dict(argument.split("=", 1) for argument in sys.argv[2:])
NO_SUCH_DEVICE = 3


def load(name, *arguments):
    """Run a program with the plug-in, by its name: EAL refuses some folders. Code and output."""
    if not PROGRAMS[name]:
        raise Skip("this DPDK has no static libraries, or they do not link here")
    code, out, err = run([PROGRAMS[name], *EAL, "--no-pci", *arguments, "-d", DRIVER])
    return code, out + err


def dynamic(path, *options):
    """Names of the dynamic symbols of a file."""
    out = run([tool("nm"), "-D", *options, path])[1]
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if line.strip()}


def eal_libraries():
    """The paths of EAL's library and those that it needs."""
    return re.findall(r"=> (/\S*librte_\S+)", run([tool("ldd"), PROGRAMS["eal"]])[1])


@test
def plugin_names_no_library_of_dpdk():
    needed = re.findall(r"NEEDED.*\[(.*)\]", run([tool("readelf"), "-d", PLUGIN])[1])
    check(needed, "no libraries at all")
    check(not [n for n in needed if "rte" in n], f"it names {needed}")


@test
def plugin_asks_a_program_for_nothing_that_eal_does_not_bring():
    wanted = {s for s in dynamic(PLUGIN, "--undefined-only") if "rte_" in s}
    check(wanted, "nothing is wanted")
    for path in eal_libraries():
        wanted -= dynamic(path, "--defined-only")
    check(not wanted, f"nobody brings {sorted(wanted)}")


def works_in(name, *arguments):
    """A channel can be plugged in, and nothing was amiss."""
    code, out = load(name, *arguments)
    check(code == 0, f"exit code {code}", out)
    check("IOAT" not in out, "the driver has something to say", out)


@test
def buses_that_were_loaded_before_are_used():
    suffix = eal_libraries()[-1].rsplit("/", 1)[1].split(".so", 1)[1]
    works_in("eal", "-d", f"librte_bus_vdev.so{suffix}", "-d", f"librte_bus_pci.so{suffix}")


@test
def program_without_dmadev_and_buses_starts_and_is_told_what_is_missing():
    code, out = load("static-eal")
    check(code == NO_SUCH_DEVICE, f"exit code {code}", out)
    for driver in "dma_ioat_pci", "dma_ioat_emu":
        check(re.search(rf"IOAT: {driver}: no rte_dma_\w+\(\) in the program", out),
              f"no line for {driver}", out)


@test
def program_of_another_release_starts_and_is_told_both():
    code, out = load("release")
    check(code == NO_SUCH_DEVICE, f"exit code {code}", out)
    check(re.search(r"IOAT: dma_ioat_emu: built with DPDK [\d.]+, the program has DPDK ", out),
          "no line", out)


add("program_with_static_dpdk_plugs_a_channel_in", works_in, "static")
add("program_with_the_shared_eal_alone_plugs_a_channel_in", works_in, "eal")
main()
