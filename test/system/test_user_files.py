#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""No script removes or overwrites a file of a user: one is laid into the way of each.

usage: test_user_files.py SOURCE-ROOT BUILD-ROOT
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

from tap import Skip, add, check, main, run, test

ROOT, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
sys.path[:0] = [str(ROOT / "devtools"), str(ROOT / "devtools/bench")]
import own_file  # pylint: disable=wrong-import-position
import port_instructions  # pylint: disable=wrong-import-position

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


@test
def guest_removes_and_overwrites_nothing_in_a_cache_of_a_user():
    for names in ["guest-tools/notes", "guest-linux/notes"], ["notes"]:
        with tempfile.TemporaryDirectory() as cache, tools(apt_get="exit 100") as env:
            laid = lay(cache, ["guest.lock", "guest-linux.missing", "guest/notes", "guest-new.txt",
                               "guest-new.year/plan", *names])
            left = stage_of(cache, "guest-new.def456", OWN.replace("setup.sh", "guest.sh"))
            code, out, err = run([ROOT / "devtools/guest.sh", "--cache", cache], env=env)
            untouched(laid, out + err)
            check(code == 77, f"exit code {code}", out + err)
            check(not left.parent.exists(), "what a killed run left is still there", out + err)


PYTHON = "/usr/bin/python3"  # which has Debian's pyelftools
BENCH = ["-d", str(BUILD), "-r", "1"]
WRITES_FILE = {  # how programs are called that write to a file that a user names
    "bench-driver": ["devtools/bench-driver", *BENCH, "-b", "1", "--no-count", "--csv", "{}"],
    "bench-port": ["devtools/bench-port", *BENCH, "--any-build", "-f", "F4", "--csv", "{}"],
    "pmdinfo": ["devtools/pmdinfo.py", "{}",
                *map(str, (BUILD / "drivers/dma/ioat").glob("libioat_pmd_objects.a.p/*.o"))],
    # What recorded over the file ends only then.
    "pcap_record": ["devtools/pcap.py", "record", "lo", "{}"],
}


def overwrites_nothing(command):
    """A file with something else in it is named and left as it is."""
    with tempfile.TemporaryDirectory() as folder:
        laid = lay(folder, ["results"])
        command = ["timeout", "60", PYTHON, str(ROOT / command[0]),
                   *(word.format(laid[0]) for word in command[1:])]
        code, out, err = run(command)
        untouched(laid, out + err)
        check(code in (1, 2), f"exit code {code}", out + err)
        check(len(err.splitlines()) == 1 and str(laid[0]) in err, "not one line with its name", err)
        check(os.listdir(folder) == ["results"], f"it has left {os.listdir(folder)}", out + err)


def overwrites_its_own(command):
    """A second call to the same file is no reason to refuse, and no file is left beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results"
        for _ in range(2):
            code, out, err = run([PYTHON, str(ROOT / command[0]),
                                  *(word.format(path) for word in command[1:])])
            check(code == 0, f"exit code {code}", out + err)
        check(os.listdir(folder) == ["results"], f"it has left {os.listdir(folder)}", out + err)


for name, words in WRITES_FILE.items():
    add(f"{name}_overwrites_no_file_of_a_user", overwrites_nothing, words)
for name in "bench-driver", "pmdinfo":
    add(f"{name}_overwrites_what_it_has_written", overwrites_its_own, WRITES_FILE[name])


@test
def committed_instructions_are_saved_over_no_other_file():
    with tempfile.TemporaryDirectory() as folder:
        laid = lay(folder, ["figures.csv"])
        try:
            port_instructions.save(laid[0], "gcc 12, DPDK 22.11", {"port,get,1": (1, 1, 1)})
        except FileExistsError as why:
            check(why.filename == str(laid[0]), why.filename)
        untouched(laid, "")


@test
def file_that_comes_while_results_are_made_is_left_and_results_are_kept():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results"
        try:
            with own_file.beside(path, b"mark") as temp:
                Path(temp).write_text("mark and results", encoding="ascii")
                lay(folder, ["results"])
        except FileExistsError as why:
            check(temp in str(why.strerror), why.strerror)
        untouched([path], "")
        check(Path(temp).read_text(encoding="ascii") == "mark and results", "results are lost")


@test
def results_go_to_what_is_no_file():
    with own_file.beside(os.devnull, b"mark") as path:
        check(path == os.devnull, path)


@test
def guest_run_removes_no_folder_of_a_user():
    with tempfile.TemporaryDirectory() as folder:
        laid = lay(folder, ["guest/linux-icx/notes"])
        code, out, err = run([sys.executable, str(ROOT / "test/system/guest/run.py"), folder,
                              "linux", "icx"])
        untouched(laid, out + err)
        check(code == 1 and str(laid[0].parent) in err, f"exit code {code}", err)


@test
def initramfs_is_written_over_no_other_file():
    with tempfile.TemporaryDirectory() as folder:
        laid = lay(folder, ["out"])
        lay(folder, ["guest/modules/one", "scenario"])
        busybox = Path(folder) / "guest/busybox"
        busybox.write_text("#!/bin/sh\nexec cat\n", encoding="ascii")
        busybox.chmod(0o755)
        words = [ROOT / "test/system/guest/initramfs.sh", "{}", f"{folder}/guest",
                 f"{folder}/scenario", "ID=1"]
        code, out, err = run([str(word).format(laid[0]) for word in words])
        untouched(laid, out + err)
        check(code == 1 and str(laid[0]) in err, f"exit code {code}", err)
        code, out, err = run([str(word).format(Path(folder) / "new") for word in words])
        check(code == 0 and (Path(folder) / "new").is_file(), f"exit code {code}", err)


main()
