#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Write the PMD information of a driver as a C file.

    pmdinfo.py OUT.c OBJECT...

RTE_PMD_REGISTER_PCI, RTE_PMD_REGISTER_VDEV and the macros next to them leave only names and tables
in the objects. dpdk-pmdinfo.py wants one JSON string per driver in the .rodata of the finished
library; this makes those strings. An OBJECT is an ELF relocatable file or an archive of them, thin
or not.
"""

import io
import json
import re
import struct
import sys
from pathlib import Path

import own_file

try:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
except ImportError:
    sys.exit("pmdinfo.py: this python3 lacks the module elftools (Debian: python3-pyelftools)")

MARK = "/* Made by devtools/pmdinfo.py. */"  # the first line of OUT.c
# A number follows, from DPDK 25.07 on the name.
DRIVER_NAME = re.compile(r"this_pmd_name\w+")
# Keys of the JSON object and the end of the symbol RTE_PMD_REGISTER_* leaves for each.
TEXTS = (("params", "param_string_export"), ("kmod", "kmod_dep_export"))
# struct rte_pci_id: class, vendor, device, subsystem vendor, subsystem device.
PCI_ID = "IHHHH"


class InputError(Exception):
    """An object this program cannot use; the text names it."""


def archive_members(path, data):
    """Yield (name, bytes) of each object in an ar archive in the GNU format."""
    thin = data.startswith(b"!<thin>\n")
    long_names = b""
    pos = 8
    while pos + 60 <= len(data):
        name = data[pos:pos + 16].decode("ascii").rstrip()
        size = int(data[pos + 48:pos + 58])
        pos += 60
        if name == "//":
            long_names = data[pos:pos + size]
        elif name not in ("/", "/SYM64/"):
            if name[0] == "/":
                start = int(name[1:])
                name = long_names[start:long_names.index(b"/\n", start)].decode()
            name = name.rstrip("/")
            if thin:
                # Only the name is in a thin archive: the next header follows at once.
                yield f"{path}({name})", (path.parent / name).read_bytes()
                continue
            yield f"{path}({name})", data[pos:pos + size]
        pos += size + size % 2


class Object:
    """The symbols of one ELF relocatable file and the bytes they stand for."""

    def __init__(self, name, data):
        self.name = name
        try:
            self.elf = ELFFile(io.BytesIO(data))
        except ELFError as err:
            raise InputError(f"{name}: not an ELF object: {err}") from err
        table = self.elf.get_section_by_name(".symtab")
        if table is None:
            raise InputError(f"{name}: no symbols (stripped, or made for link-time optimization)")
        self.symbols = {s.name: s for s in table.iter_symbols() if s["st_shndx"] != "SHN_UNDEF"}

    def data(self, symbol_name):
        """The bytes from a symbol to the end of its section; None where it is not defined."""
        symbol = self.symbols.get(symbol_name)
        if symbol is None:
            return None
        index = symbol["st_shndx"]
        if not isinstance(index, int):
            raise InputError(f"{self.name}: {symbol_name} has no initial value")
        # The size of the symbol is no limit to rely on: sanitizers enlarge it.
        return self.elf.get_section(index).data()[symbol["st_value"]:]

    def text(self, symbol_name):
        """The C string at a symbol, or None."""
        data = self.data(symbol_name)
        return None if data is None else data.split(b"\0", 1)[0].decode("ascii")

    def pci_ids(self, driver, table_name):
        """The identities up to the first one with vendor 0, as the PCI bus reads the table."""
        data = self.data(table_name)
        if data is None:
            raise InputError(f"{self.name}: PCI table {table_name} of {driver} is not defined here")
        layout = struct.Struct(("<" if self.elf.little_endian else ">") + PCI_ID)
        ids = []
        for pos in range(0, len(data) - layout.size + 1, layout.size):
            _, *identity = layout.unpack_from(data, pos)
            if identity[0] == 0:
                return ids
            ids.append(identity)
        raise InputError(f"{self.name}: PCI table {table_name} of {driver} has no end")

    def drivers(self):
        """Yield one dict per driver registered in this object."""
        for symbol in sorted(filter(DRIVER_NAME.fullmatch, self.symbols)):
            name = self.text(symbol)
            info = {"name": name}
            for key, end in TEXTS:
                value = self.text(f"__{name}_{end}")
                if value is not None:
                    info[key] = value
            table = self.text(f"__{name}_pci_tbl_export")
            info["pci_ids"] = self.pci_ids(name, table) if table is not None else []
            yield info


def load(path):
    """Yield the objects in a file."""
    data = path.read_bytes()
    if data.startswith((b"!<arch>\n", b"!<thin>\n")):
        for name, member in archive_members(path, data):
            yield Object(name, member)
    else:
        yield Object(str(path), data)


def c_source(drivers):
    """The text of the C file: one string constant per driver."""
    lines = [MARK]
    for number, info in enumerate(drivers):
        # JSON here is ASCII without control characters: its escapes are those of C.
        quoted = json.dumps("PMD_INFO_STRING= " + json.dumps(info))
        # The reader takes printable runs: a zero byte ends whatever the linker puts in front.
        lines.append(f"static const char pmd_info_{number}[] __attribute__((used)) =")
        lines.append(f'\t"\\0" {quoted};')
    return "\n".join(lines) + "\n"


def main():
    """Read the objects, write the C file."""
    if len(sys.argv) < 3:
        sys.exit("usage: pmdinfo.py OUT.c OBJECT...")
    try:
        drivers = [d for path in sys.argv[2:] for obj in load(Path(path)) for d in obj.drivers()]
        if not drivers:
            raise InputError(f"no RTE_PMD_REGISTER_* in any of: {' '.join(sys.argv[2:])}")
        with own_file.beside(sys.argv[1], MARK.encode()) as path:
            Path(path).write_text(c_source(drivers), encoding="ascii")
    except FileExistsError as err:
        sys.exit(f"pmdinfo.py: {err.filename}: {err.strerror}")
    except (InputError, OSError) as err:
        sys.exit(f"pmdinfo.py: {err}")


if __name__ == "__main__":
    main()
