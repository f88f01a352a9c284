#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Show that each style rule fails on what it forbids. Prints TAP.

    selftest.py

Each case is a small tree that keeps all rules, with one file added or replaced; the rule has to
name that file.
"""

import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import rules  # pylint: disable=wrong-import-position

C_HEAD = ("/* SPDX-License-Identifier: BSD-3-Clause\n"
          " * Copyright(c) 2026 The ioat-pmd authors\n */\n\n")
SH_HEAD = "#!/bin/bash\n# SPDX-License-Identifier: BSD-3-Clause\n" \
          "# Copyright(c) 2026 The ioat-pmd authors\n"

GOOD = {
    ".clang-format": (Path(__file__).parents[2] / ".clang-format").read_text(encoding="utf-8"),
    "CONTRIBUTING.md": "[the model](lib/m/m.h)\n\n| unit | may include |\n|---|---|\n"
                       "| `lib/m` | C standard |\n| `drivers/d` | libc, DPDK, lib/m |\n"
                       "| `drivers/d/ioat_dpdk.h` | driver-side DPDK |\n"
                       "| `app/a` | libc |\n| `test/t` | libc, lib/m private |\n",
    "lib/m/m.h": C_HEAD + "#ifndef M_H\n#define M_H\n\n#include <stdio.h>\n\n"
                          "/** Dump to a file; volatile, exit(1). */\n"
                          "void m_dump(FILE *f);\n\n#endif\n",
    "lib/m/m_priv.h": C_HEAD + "extern int m_count;\n",
    "lib/m/m.c": C_HEAD + '#include "m.h"\n#include "m_priv.h"\n\nint m_count;\n\n'
                          "void\nm_dump(FILE *f)\n{\n\tfprintf(f, \"abort(), volatile\");\n}\n",
    "drivers/d/ioat_dpdk.h": C_HEAD + "struct d;\n",
    "drivers/d/d.c": C_HEAD + '#include <rte_dmadev.h>\n#include "m.h"\n\nint\nd_read(void *bar)\n'
                              "{\n\treturn mmio_read64(bar, IOAT_CHANSTS) & CHANSTS_STATE;\n}\n",
    "drivers/d/ioat_mmio.h": C_HEAD + "void mmio_store(volatile int *p);\n",
    "test/t/t.c": C_HEAD + '#include <sys/mman.h>\n#include "m_priv.h"\n',
    "run.sh": SH_HEAD + 'echo "$1"\n',
}

# Per rule: what is wrong, the file it is wrong in and its text.
LONG_BODY = "".join(f"\tx += {i};\n" for i in range(rules.FUNCTION_LINES))
BAD = {
    rules.includes_follow_the_table: {
        "a library includes POSIX": ("lib/m/m.c", C_HEAD + "#include <pthread.h>\n"),
        "a library includes DPDK": ("lib/m/m.c", C_HEAD + "#include <rte_eal.h>\n"),
        "an application includes a library it may not": ("app/a/a.c", C_HEAD + '#include "m.h"\n'),
        "a driver includes another's code": ("drivers/d/d.c", C_HEAD + '#include "m_priv.c"\n'),
        "a driver includes a private header": ("drivers/d/d.c", C_HEAD + '#include "m_priv.h"\n'),
        "an include with spaces in it": ("lib/m/m.c", C_HEAD + "#  include <sys/mman.h>\n"),
        "a folder without a row": ("lib/new/n.c", C_HEAD),
        "the table is gone": ("CONTRIBUTING.md", "Nothing here.\n"),
    },
    rules.driver_headers_only_in_ioat_dpdk: {
        "a driver file does": ("drivers/d/d.c", C_HEAD + "#include <bus_pci_driver.h>\n"),
        "a test does": ("test/t/t.c", C_HEAD + "#include <rte_dmadev_pmd.h>\n"),
    },
    rules.headers_stand_alone: {
        "a type is missing": ("lib/m/m.h", C_HEAD + "void m_set(uint32_t value);\n"),
        "no guard": ("lib/m/m.h", C_HEAD + "struct m {\n\tint i;\n};\n"),
        "data": ("lib/m/m.h", C_HEAD + "int m_data;\n"),
    },
    rules.no_printing_or_exiting: {
        "printf": ("lib/m/m.c", C_HEAD + 'void\nm(void)\n{\n\tprintf("x");\n}\n'),
        "to stderr": ("drivers/d/d.c", C_HEAD + 'void\nd(void)\n{\n\tfprintf(stderr, "x");\n}\n'),
        "exit": ("drivers/d/d.c", C_HEAD + "void\nd(void)\n{\n\texit(1);\n}\n"),
        "rte_panic": ("drivers/d/d.c", C_HEAD + "void\nd(void)\n{\n\trte_panic();\n}\n"),
    },
    rules.volatile_only_in_ioat_mmio: {
        "a flag": ("app/a/a.c", C_HEAD + "static volatile int stop;\n"),
    },
    rules.no_bare_registers: {
        "an offset": ("drivers/d/d.c", C_HEAD + "\tmmio_read64(bar, 0x88);\n"),
        "an offset behind a sum": ("drivers/d/d.c", C_HEAD + "\tmmio_read8(b, IOAT_CHAN + 0x8);\n"),
        "a bit": ("drivers/d/d.c", C_HEAD + "\tmmio_write8(bar, IOAT_CHANCMD, 1 << 5);\n"),
        "a mask": ("drivers/d/d.c", C_HEAD + "\tx = mmio_read64(bar, IOAT_CHANSTS) & 7;\n"),
        "the model": ("drivers/d/d.c", C_HEAD + "\tioat_model_write(m, 136, 8, v);\n"),
    },
    rules.functions_are_short: {
        "61 lines": ("app/a/a.c", C_HEAD + "int\na(int x)\n{\n" + LONG_BODY + "}\n"),
    },
    rules.files_are_short: {
        "501 lines": ("app/a/a.c", C_HEAD + "\n" * (rules.FILE_LINES - 3)),
        "601 lines with a reason": ("app/a/a.c", C_HEAD + "/* over 500 lines: so it is */\n"
                                    + "\n" * (rules.FILE_LINES_WITH_REASON - 4)),
    },
    rules.lines_are_short: {
        "101 columns": ("app/a/a.c", C_HEAD + "/* " + "x" * 98 + "\n"),
        "tabs count eight": ("run.sh", SH_HEAD + "\t" * 12 + "echo x\n"),
        "a space at the end": ("lib/m/meson.build", "x = 1 \n"),
    },
    rules.every_file_has_spdx: {
        "C": ("app/a/a.c", "int a;\n"),
        "another licence": ("app/a/a.c", C_HEAD.replace("BSD-3-Clause", "GPL-2.0-only")),
        "a script without a suffix": ("tool", "#!/bin/sh\necho x\n"),
        "no owner": ("meson.build", "# SPDX-License-Identifier: BSD-3-Clause\n"),
    },
    rules.code_is_formatted: {
        "a brace": ("app/a/a.c", C_HEAD + "void\na(void) {\n}\n"),
        "spaces": ("lib/m/m.h", C_HEAD + "struct m {\n    int i;\n};\n"),
    },
    rules.scripts_parse: {
        "shell": ("run.sh", SH_HEAD + "if true; then\n"),
        "Python": ("a.py", "def f(:\n"),
    },
    rules.shellcheck_is_content: {
        "an unquoted variable": ("run.sh", SH_HEAD + "rm $1\n"),
    },
    rules.links_lead_somewhere: {
        "a link": ("README.md", "[here](doc/nowhere.md)\n"),
    },
    rules.nothing_is_left_undone: {
        "a note": ("app/a/a.c", C_HEAD + "/* TO" "DO: finish */\n"),
    },
}


# Per rule: what it has to let pass, beside the good tree.
BUILD = '[{"directory": "%s", "file": "%s", "command": "gcc -std=c11 -c x.c"}]'
FINE = {
    rules.headers_stand_alone: {
        "a folder that the build leaves out": [
            ("app/a/a.h", C_HEAD + "#include <no_such_library.h>\n"), ("app/a/a.c", C_HEAD),
            ("build/compile_commands.json", BUILD % ("/", "nowhere.c"))],
    },
}


def violations(rule, *changes):
    """What a rule says about the good tree with some files changed; build/ is its build."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in list(GOOD.items()) + list(changes):
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (Path(folder) / "build").mkdir(exist_ok=True)
        return list(rule(rules.Tree(folder, Path(folder) / "build")))


def cases():
    """Yield (name, rule, changes to the good tree, whether they are wrong)."""
    for rule in rules.RULES:
        yield f"{rule.__name__} is content with a good tree", rule, [], False
        for what, change in BAD[rule].items():
            yield f"{rule.__name__} names the file: {what}", rule, [change], True
        for what, changes in FINE.get(rule, {}).items():
            yield f"{rule.__name__} lets pass: {what}", rule, changes, False


def main():
    """Run the cases."""
    todo = list(cases())
    print(f"1..{len(todo)}")
    failed = 0
    for number, (name, rule, changes, wrong) in enumerate(todo, 1):
        try:
            found = violations(rule, *changes)
        except rules.Skip as skip:
            print(f"ok {number} - {name} # SKIP {skip}")
            continue
        # What is wrong is found, and nothing is found in the files that are right.
        good = bool(found) == wrong and all(changes[0][0] in text for text in found)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        for line in found if not good else ():
            print(f"# {line}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
