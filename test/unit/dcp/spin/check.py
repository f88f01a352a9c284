#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Check port.pml with spin: no error as it is, an error for each mutation. Prints TAP.

    check.py [NAME...]     only the cases whose names contain one of these
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "port.pml"
MEMORY_MB = 700
SECONDS = 100
UNLIMITED = 255

# What is defined -> what must come out. Sizes are the smallest that show the mutation.
BASE = {"WORKERS": 2, "LIMIT": UNLIMITED, "OPS": 2, "POSTS": 0, "TIMEOUTS": 0, "BLOCKS": 0}
SOUND = {
    "two workers, no limit": {"OPS": 1, "POSTS": 1},
    "three workers, no limit": {"WORKERS": 3, "OPS": 1},
    "two workers, one runs": {"LIMIT": 1, "OPS": 2, "POSTS": 1},
    "three workers, two run": {"WORKERS": 3, "LIMIT": 2},
    "time-outs and leaving": {"TIMEOUTS": 1},
    "time-outs and leaving, one runs": {"LIMIT": 1, "TIMEOUTS": 2},
    "three with time-outs, one runs": {"WORKERS": 3, "LIMIT": 1, "TIMEOUTS": 1, "OPS": 1},
    "blocking, one runs": {"LIMIT": 1, "BLOCKS": 1},
    "the first does not come back": {"STALL": 1},
    "posts while the device is slow": {"WORKERS": 2, "OPS": 1, "POSTS": 2, "SLOW_DEVICE": 1},
    "close": {"CLOSE": 1, "OPS": 1},
    "close while a slot stays taken": {"CLOSE": 1, "LIMIT": 1, "STALL": 1, "OPS": 1},
    "close, three workers, one runs": {"CLOSE": 1, "WORKERS": 3, "LIMIT": 1, "OPS": 0,
                                       "POSTS": 1},
    "serial": {"SERIAL": 1},
    "serial, one runs, blocking": {"SERIAL": 1, "LIMIT": 1, "BLOCKS": 1},
    "serial, time-outs and leaving": {"SERIAL": 1, "TIMEOUTS": 1},
    "serial, the holder does not come back": {"SERIAL": 1, "STALL": 1, "POSTS": 1},
    "serial, close": {"SERIAL": 1, "CLOSE": 1},
    "close, one runs, blocking and time-outs": {"CLOSE": 1, "LIMIT": 1, "BLOCKS": 1,
                                                "TIMEOUTS": 1, "OPS": 1},
}
MUTANTS = {
    "no second look after the announcement": {"M_NO_SECOND_LOOK": 1},
    "the look before the announcement": {"M_LOOK_FIRST": 1},
    "issue without its fence": {"M_NO_FENCE": 1},
    "a post rouses the deeply asleep only": {"M_POST_ROUSES_DEEP_ONLY": 1, "WORKERS": 1,
                                             "OPS": 1, "POSTS": 1, "SLOW_DEVICE": 1},
    "the leader hands nothing on": {"M_LEAD_END_NO_PROMOTE": 1},
    "blocking promotes nobody": {"M_BLOCK_NO_PROMOTE": 1, "LIMIT": 1, "BLOCKS": 1},
    "leaving promotes nobody": {"M_DEL_NO_PROMOTE": 1, "LIMIT": 1, "TIMEOUTS": 1},
    "a time-out that ignores a call": {"M_EXPIRE_IGNORES_CALL": 1, "TIMEOUTS": 1},
    "a leader that times out keeps the lead": {"M_TIME_OUT_KEEPS_LEAD": 1, "TIMEOUTS": 1},
    "a vacant lead without a second look": {"M_VACATE_NO_SECOND_LOOK": 1, "STALL": 1},
    "work leaves the lead vacant": {"M_ROUSE_LEAVES_IT_VACANT": 1, "STALL": 1},
    "a leader comes and leaves the lead vacant": {"M_ENTER_LEAVES_IT_VACANT": 1},
    "closing lets one worker go": {"M_SETTLE_ONE": 1, "CLOSE": 1, "WORKERS": 3, "OPS": 1,
                                       "LIMIT": 1, "STALL": 1},
    "the holder is not looked at": {"M_HOLDER_IGNORED": 1, "SERIAL": 1},
    "blocking keeps the serial channel": {"M_BLOCK_KEEPS_HOLD": 1, "SERIAL": 1, "BLOCKS": 1},
    "what is held is no work": {"M_HELD_IS_NO_WORK": 1, "SERIAL": 1, "BLOCKS": 1},
    "a worker parks although all is over": {"M_ENTER_IGNORES_SHUT": 1, "CLOSE": 1, "OPS": 1,
                                            "LIMIT": 1, "STALL": 1},
}


def run(*command, cwd, seconds=SECONDS):
    """Run a command; its output, or the reason why it has none."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False,
                          timeout=seconds)
    return done.returncode, done.stdout + done.stderr


def check(defines):
    """(errors, states, text) of one configuration."""
    options = [f"-D{name}={value}" for name, value in {**BASE, **defines}.items()]
    with tempfile.TemporaryDirectory() as folder:
        code, text = run("spin", "-a", *options, str(MODEL), cwd=folder)
        if code != 0:
            return None, 0, text
        # Most runs are shorter than an optimizing compilation.
        code, text = run("cc", "-O0", "-w", "-DSAFETY", f"-DMEMLIM={MEMORY_MB}",
                         "-o", "pan", "pan.c", cwd=folder)
        if code != 0:
            return None, 0, text
        _, text = run("./pan", "-m1000000", cwd=folder)
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    whole = "search not completed" not in text.lower() and "max search depth" not in text
    if errors is None or states is None or (errors[1] == "0" and not whole):
        return None, 0, text
    return int(errors[1]), int(states[1]), text


def main():
    """Run all cases."""
    if shutil.which("spin") is None:
        print("1..0 # SKIP spin is not installed (Debian: spin)")
        sys.exit(77)
    cases = [(f"sound: {name}", defines, False) for name, defines in SOUND.items()]
    cases += [(f"found: {name}", defines, True) for name, defines in MUTANTS.items()]
    words = sys.argv[1:] or [""]
    cases = [case for case in cases if any(word in case[0] for word in words)]
    print(f"1..{len(cases)}")
    failed = 0
    for number, (name, defines, bad) in enumerate(cases, 1):
        try:
            errors, states, text = check(defines)
        except subprocess.TimeoutExpired as late:
            errors, states, text = None, 0, str(late)
        good = errors is not None and (errors > 0) == bad
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        print(f"# {states} states, {errors} errors", flush=True)
        if not good:
            print("".join(f"# {line}\n" for line in text.splitlines()[:25]), end="")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
