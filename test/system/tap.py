# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""A small test runner: functions marked with @test, results as TAP."""

import shutil
import subprocess
import sys
import traceback

EAL = ["--no-huge", "-m", "256", "--no-shconf", "--no-telemetry"]
DRIVER = "librte_dma_ioat_pmd.so"  # found through LD_LIBRARY_PATH
SECONDS = 600  # a busy machine takes many times as long as an idle one

_tests = []


class Skip(Exception):
    """The test cannot run here; says what is missing."""


def test(function):
    """Mark a test; its name states the case and its outcome."""
    _tests.append((function.__name__, function))
    return function


def add(name, function, *args):
    """Add a test that is one row of a table."""
    _tests.append((name, lambda: function(*args)))


def check(condition, what, output=""):
    """Fail the running test unless condition holds; output helps to find out why."""
    if not condition:
        raise AssertionError(what + ("\n" + output[-2000:] if output else ""))


def tool(name):
    """The path of a program; skips the test when it is not installed."""
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


def run(command, text="", seconds=SECONDS, **more):
    """Run a command to its end. Returns exit code, stdout and stderr; fails when it hangs."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True,
                              errors="replace", timeout=seconds, check=False, **more)
    except subprocess.TimeoutExpired as e:
        raise AssertionError(f"{command[0]} did not end in {seconds} s") from e
    return done.returncode, done.stdout, done.stderr


def main():
    """Run all tests."""
    failed = 0
    print(f"1..{len(_tests)}", flush=True)
    for number, (name, function) in enumerate(_tests, 1):
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            text = str(e) if isinstance(e, AssertionError) else traceback.format_exc()
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in text.splitlines()), end="", flush=True)
    sys.exit(1 if failed else 0)
