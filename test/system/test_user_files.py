#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""No script removes or overwrites a file of a user: one is laid into the way of each.

usage: test_user_files.py SOURCE-ROOT
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

from tap import Skip, add, check, main, run, test

ROOT = Path(sys.argv[1])
SETUP = ROOT / "devtools/setup.sh"
MARK = ".ioat-pmd"
PRECIOUS = "a line that took its user a week\n"

# Scripts that write to a folder that a user names: how they are called, and the names that they use
# there themselves.
TAKES_FOLDER = {
    "test/run.sh": (["--quick", "unit"], "BUILD_DIR", ["tally", "lock", "gcc-asan.log"]),
    "devtools/demo.sh": (["-b", "{}", str(ROOT / "test/data/demo.pcap")], None, ["demo.lock"]),
    "devtools/mutants.sh": (["{}"], None, ["src/file", "release/file", "thread/file"]),
    "test/unit/dcp/mutants.sh": (["{}"], None, ["file", "build/file"]),
}


@contextlib.contextmanager
def tools(**texts):
    """An environment in which programs of these names are bash scripts of these texts."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name, text in texts.items():
            path = Path(folder) / name.replace("_", "-")
            path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
            path.chmod(0o755)
        yield dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")


def lay(folder, names):
    """Files of a user; returns their paths."""
    paths = [Path(folder) / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PRECIOUS, encoding="utf-8")
    return paths


def untouched(paths, said):
    """Nothing has happened to a user's files."""
    for path in paths:
        check(path.is_file(), f"{path} is gone", said)
        check(path.read_text(encoding="utf-8") == PRECIOUS, f"{path} was changed", said)


def call(script, folder):
    """Call a script on a folder, such that no build can be set up; exit code and what it said."""
    arguments, variable, _ = TAKES_FOLDER[script]
    with tools(meson="exit 1") as env:
        if variable:
            env[variable] = str(folder)
        code, out, err = run([ROOT / script, *(a.format(folder) for a in arguments)], env=env)
    return code, out + err


def refuses_folder(script, names):
    """A folder with files and without the script's mark."""
    with tempfile.TemporaryDirectory() as folder:
        laid = lay(folder, names)
        code, said = call(script, folder)
        untouched(laid, said)
        check(code == 2, f"exit code {code}", said)
        check(len(said.splitlines()) == 1 and folder in said and "legal" in said,
              "not one line with the folder and what is legal", said)
        found = {path for path in Path(folder).rglob("*") if path.is_file()}
        check(found == set(laid), f"it has left {found - set(laid)}", said)


def refuses_the_mark_of_another(script):
    """What one script may remove is not another's to remove."""
    with tempfile.TemporaryDirectory() as folder:
        laid = lay(folder, TAKES_FOLDER[script][2])
        (Path(folder) / MARK).write_text("another script made this folder\n", encoding="ascii")
        code, said = call(script, folder)
        untouched(laid, said)
        check(code == 2 and folder in said, f"exit code {code}", said)


def takes_its_folder_again(script):
    """A new folder gets the mark, and the next call does not refuse it."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "new" / "folder"
        for _ in range(2):
            code, said = call(script, folder)
            check(code != 0 and "legal" not in said, f"exit code {code}, refused", said)
            check((folder / MARK).is_file(), "no mark in it", said)


for name, (_, _, own_names) in TAKES_FOLDER.items():
    add(f"{name}_refuses_a_folder_with_files_of_a_user", refuses_folder, name,
        ["notes", *own_names])
    add(f"{name}_refuses_the_folder_of_another_script", refuses_the_mark_of_another, name)
    add(f"{name}_takes_its_folder_again", takes_its_folder_again, name)


@contextlib.contextmanager
def headers():
    """A cache, the name of the headers in it, and an environment in which they come from here."""
    code, out, _ = run([SETUP, "--print-sdk"])
    sdk = Path(out.strip())
    if code != 0 or not out.strip():
        raise Skip("this machine is not set up, or its DPDK carries its driver-side headers")
    unpack = f'out=${{@: -1}}; mkdir -p "$out/lib" "$out/drivers/bus" && cp {sdk}/*.h "$out/lib"'
    version = sdk.name.removesuffix("_driver-headers").split("_", 1)[1]
    with tempfile.TemporaryDirectory() as cache, tools(
            apt_get="exit 0", apt_cache=f"echo Version: {version}",
            dpkg_source=unpack) as env:
        yield Path(cache), sdk.name, env


def stage_of(cache, name, mark):
    """A folder as a killed run leaves it, with a mark."""
    (stage,) = lay(cache, [f"{name}/file"])
    (stage.parent / MARK).write_text(mark, encoding="ascii")
    return stage


OWN = "devtools/setup.sh made this folder and removes what is in it\n"


@test
def setup_removes_nothing_of_a_cache_but_its_own_leftovers():
    with headers() as (cache, name, env):
        laid = lay(cache, ["lock", "new.txt", "new.year/plan", "notes"])
        laid.append(stage_of(cache, "new.abc123", "another script made this folder\n"))
        left = stage_of(cache, "new.def456", OWN)
        code, out, err = run([SETUP, "--cache", str(cache)], env=env)
        untouched(laid, out + err)
        check(code == 0, f"exit code {code}", out + err)
        check(not left.parent.exists(), "what a killed run left is still there", out + err)
        check((cache / name / MARK).read_text(encoding="ascii") == OWN, "no mark", out + err)


@test
def setup_makes_its_own_damaged_headers_again():
    with headers() as (cache, name, env):
        damaged = stage_of(cache, name, OWN)
        code, out, err = run([SETUP, "--cache", str(cache)], env=env)
        check(code == 0 and "is damaged" in err, f"exit code {code}", out + err)
        check(not damaged.exists() and (cache / name / "SHA256SUMS").is_file(),
              "not made again", out + err)


@test
def setup_refuses_a_folder_of_a_user_named_like_the_headers():
    with headers() as (cache, name, env):
        laid = lay(cache, [f"{name}/notes"])
        code, out, err = run([SETUP, "--cache", str(cache)], env=env)
        untouched(laid, out + err)
        check(code == 1 and f"{cache}/{name}" in err and MARK in err, f"exit code {code}", err)


main()
