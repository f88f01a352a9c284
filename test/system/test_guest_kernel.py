#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""devtools/guest.sh --kernel: what it takes from a file, and what it refuses. Needs no network.

usage: test_guest_kernel.py SOURCE-ROOT
"""

import gzip
import lzma
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tap import Skip, add, check, main, run, test, tool

GUEST = Path(sys.argv[1]) / "devtools/guest.sh"
RELEASE = "6.99.0-test"
CONTROL = "Package: linux-image\nVersion: 1\nArchitecture: all\nMaintainer: nobody\n" \
          "Description: a kernel\n"


def write(path, data):
    """A file in folders that are made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def module(needs):
    """As much of a module as is looked at."""
    return b"\x7fELF\0license=GPL\0depends=" + needs + b"\0name=x\0"


def bzimage():
    """A kernel image: where the text with its release is, and that text."""
    text = f"{RELEASE} (somebody@somewhere) #1 SMP\0".encode()
    return bytes(0x20e) + struct.pack("<H", 0x100) + bytes(0x300 - 0x210) + text + bytes(512)


def make_package(folder, boot="boot", modules="lib/modules"):
    """A package of a kernel with modules that are packed in each way."""
    root = folder / "root"
    kernel = root / modules / RELEASE
    write(root / "DEBIAN/control", CONTROL.encode())
    write(root / boot / f"vmlinuz-{RELEASE}", bzimage())
    write(kernel / "kernel/ioatdma.ko.xz", lzma.compress(module(b"dca")))
    write(kernel / "kernel/dca.ko.gz", gzip.compress(module(b"")))
    write(kernel / "kernel/vfio-pci.ko.xz", lzma.compress(module(b"vfio-pci-core")))
    write(kernel / "kernel/vfio-pci-core.ko", module(b""))
    if shutil.which("zstd"):  # as the kernels of other distributions are
        write(kernel / "kernel/vfio_iommu_type1.ko.zst", subprocess.run(
            ["zstd", "-qc"], input=module(b""), capture_output=True, check=True).stdout)
    else:
        write(kernel / "kernel/vfio_iommu_type1.ko", module(b""))
    write(kernel / "modules.builtin", b"kernel/drivers/uio/uio_pci_generic.ko\n")
    package = folder / "kernel.deb"
    subprocess.run([tool("dpkg-deb"), "-b", str(root), str(package)], check=True,
                   capture_output=True)
    return package


def call(folder, kernel, *options):
    """Call it with a cache in which QEMU and busybox are already."""
    for name in "qemu", "busybox":
        write(folder / "cache/guest-tools" / name, b"")
    code, out, err = run([GUEST, "--cache", str(folder / "cache"), "--kernel", str(kernel),
                          *options])
    if code == 77 and "x86_64 only" in err:
        raise Skip(err.strip())
    return code, out.strip(), err


def takes_package(**places):
    """All that a guest loads is there and unpacked, and is found again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = make_package(folder, **places)
        code, out, err = call(folder, package)
        check(code == 0, f"exit code {code}", err)
        guest = Path(out)
        check((guest / "release").read_text(encoding="ascii") == f"{RELEASE}\n", "release")
        check((guest / "vmlinuz").read_bytes() == bzimage(), "vmlinuz")
        want = {"ioatdma": b"dca", "dca": b"", "vfio_pci": b"vfio-pci-core", "vfio_pci_core": b"",
                "vfio_iommu_type1": b""}
        for file, needs in want.items():
            check((guest / f"modules/{file}.ko").read_bytes() == module(needs), file)
            noted = (guest / f"modules/{file}.needs").read_text(encoding="ascii").split()
            check(noted == needs.decode().replace("-", "_").split(), f"{file} needs {noted}")
        check(not (guest / "modules/uio_pci_generic.ko").exists() and
              (guest / "modules/uio_pci_generic.needs").exists(), "what is built in")
        check((guest / "qemu").exists() and (guest / "busybox").exists(), "qemu, busybox")
        check(call(folder, package, "--cached")[:2] == (0, out), "not found again")


add("package_with_modules_packed_in_each_way_is_taken", takes_package)


@test
def package_of_a_merged_usr_is_taken():
    takes_package(modules="usr/lib/modules")


@test
def file_that_is_no_kernel_is_named():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "vmlinuz", b"no kernel" * 100)
        code, out, err = call(folder, folder / "vmlinuz")
        check(code == 77 and out == "", f"exit code {code}", err)
        check(f"{folder}/vmlinuz is no bzImage" in err, "not named", err)


@test
def kernel_that_was_not_fetched_is_named_with_the_command():
    with tempfile.TemporaryDirectory() as name:
        code, out, err = call(Path(name), "6.98", "--cached")
        check(code == 77 and out == "", f"exit code {code}", err)
        check("devtools/guest.sh --kernel 6.98 makes it" in err, "no command", err)


def refuses(kernel):
    """One line that names it and what is legal."""
    with tempfile.TemporaryDirectory() as name:
        code, out, err = call(Path(name), kernel)
        check(code == 2 and out == "", f"exit code {code}", err)
        check(len(err.splitlines()) == 1 and f"'{kernel}'" in err and "legal" in err,
              "not one line", err)


for bad in "latest", "6", "6.12;x", "../6.12", "/no/such/file", "/etc":
    add(f"kernel_'{bad}'_is_refused", refuses, bad)

main()
