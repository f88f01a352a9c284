#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""The driver as a shared object: its PMD information, and living beside DPDK's own ioat driver.

usage: test_driver.py SHARED-OBJECT PYTHON    (one that has pyelftools)
"""

import json
import os
import re
import sys
import tempfile

from tap import DRIVER, EAL, check, main, run, test, tool

SHARED_OBJECT, PYTHON = sys.argv[1:3]
PEER = "librte_dma_ioat.so"
ADDRESS = "0000:7f:04.0"


def pmdinfo():
    """Our drivers as dpdk-pmdinfo.py sees them, by name."""
    code, out, err = run([PYTHON, tool("dpdk-pmdinfo.py"), SHARED_OBJECT])
    check(code == 0, f"exit code {code}", err)
    return {d["name"]: d for d in json.loads(out)}


def pci_driver():
    """The one with PCI ids."""
    found = [d for d in pmdinfo().values() if d.get("pci_ids")]
    check(len(found) == 1, f"{len(found)} drivers with PCI ids")
    return found[0]


@test
def pmdinfo_lists_the_pci_ids_of_every_generation():
    ids = {(d["vendor"], d["device"]) for d in pci_driver()["pci_ids"]}
    for device in "0e20", "2f20", "6f20", "2021", "0b00":
        check(("8086", device) in ids, f"8086:{device} is missing", str(sorted(ids)))


@test
def pmdinfo_lists_the_kernel_modules():
    kmod = pci_driver().get("kmod", "")
    for module in "vfio-pci", "uio_pci_generic":
        check(module in kmod, f"{module} is missing in '{kmod}'")


@test
def pmdinfo_lists_every_parameter_of_the_virtual_device():
    params = pmdinfo()["dma_ioat_emu"]["params"]
    for key in "device", "xfercap", "channels", "lcore", "inline":
        check(re.search(rf"\b{key}\b", params), f"{key} is missing in '{params}'")


def fake_pci(folder, kernel_driver):
    """A sysfs tree with one Ice Lake-SP function in it, for EAL's PCI bus to scan."""
    device = os.path.join(folder, "devices", ADDRESS)
    os.makedirs(device)
    os.makedirs(os.path.join(folder, "drivers", kernel_driver))
    values = {"vendor": "0x8086", "device": "0x0b00", "subsystem_vendor": "0x8086",
              "subsystem_device": "0x0000", "class": "0x088000", "numa_node": "-1",
              "resource": "0x0000000000000000 0x0000000000000000 0x0000000000000000\n" * 6}
    for name, value in values.items():
        with open(os.path.join(device, name), "w", encoding="ascii") as f:
            f.write(value + "\n")
    os.symlink(os.path.join(folder, "drivers", kernel_driver), os.path.join(device, "driver"))
    return os.path.join(folder, "devices")


def probed_drivers(*arguments):
    """Names of the drivers that EAL tries on the fake function, in order."""
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, SYSFS_PCI_DEVICES=fake_pci(folder, "none_of_eals"))
        # The packaged plugins are loaded after ours; dpdk-test ends at the end of its input.
        code, out, err = run([tool("dpdk-test"), *EAL, "--log-level=*:debug", *arguments],
                             "quit\n", env=env)
    check(code == 0, f"exit code {code}", err)
    return re.findall(r"probe driver: 8086:b00 (\S+)", out + err)


@test
def without_ours_the_peer_is_tried_alone():
    names = probed_drivers()
    check(names == ["dmadev_ioat"], f"tried: {names}")


@test
def loaded_with_d_ours_is_tried_before_the_peer():
    names = probed_drivers("-d", DRIVER)
    check(names == [pci_driver()["name"], "dmadev_ioat"], f"tried: {names}")


@test
def of_two_loaded_with_d_the_first_named_is_tried_first():
    names = probed_drivers("-d", PEER, "-d", DRIVER)
    check(names == ["dmadev_ioat", pci_driver()["name"]], f"tried: {names}")


@test
def shared_object_exports_nothing_that_the_peer_defines():
    ours, peers = (
        set(re.findall(r" [TDBRVW] (\S+)", run([tool("nm"), "-D", "--defined-only", path])[1]))
        for path in (SHARED_OBJECT, peer_path()))
    check(not ours & peers, f"both define {sorted(ours & peers)}")


def peer_path():
    """Where DPDK's own ioat driver is."""
    code, out, _ = run([PYTHON, "-c", f"import ctypes; ctypes.CDLL('{PEER}');"
                        "print(open('/proc/self/maps').read())"])
    found = re.search(rf"/\S*{re.escape(PEER)}\S*", out)
    check(code == 0 and found, f"{PEER} is not installed")
    return found.group(0)


@test
def our_device_works_with_the_peer_loaded():
    code, out, err = run([tool("dpdk-test"), *EAL, "--no-pci", "-d", PEER, "-d", DRIVER,
                          "--vdev=dma_ioat_emu0,inline=1"], "dmadev_autotest\nquit\n")
    check(code == 0 and "Test OK" in out, f"exit code {code}", (out + err))


main()
