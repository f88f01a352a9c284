#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Test the project's own tools: setup.sh, run.sh, results.py, pmdinfo.py. Prints TAP.

    tools.py SOURCE_ROOT [DRIVER.so]
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(sys.argv[1])
DRIVER = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
# A command in front of this has no network; only root can do so without a namespace of users.
OFFLINE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-r", "-n"]
sys.path.insert(0, str(ROOT / "test"))
sys.path.insert(0, str(ROOT / "devtools"))
import pcap  # pylint: disable=wrong-import-position
import results  # pylint: disable=wrong-import-position


class Skip(Exception):
    """A test that cannot run here; the text says why."""


def run(*command, **environment):
    """Run a command of the project."""
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT,
                          env={**os.environ, **environment})


def refused(*command):
    """A command says in one line what is wrong and what is legal, and fails."""
    result = run(*command)
    lines = result.stderr.splitlines()
    assert result.returncode == 2, f"{command}: exit code {result.returncode}"
    assert len(lines) == 1 and command[-1] in lines[0] and "legal" in lines[0], lines


def setup_refuses_an_unknown_option():
    refused("devtools/setup.sh", "--frobnicate")


def setup_refuses_a_folder_without_dpdk():
    refused("devtools/setup.sh", "--dpdk", "/nonexistent")


def setup_refuses_a_cache_that_is_a_file():
    refused("devtools/setup.sh", "--cache", "/etc/passwd")


def setup_refuses_an_option_without_its_value():
    refused("devtools/setup.sh", "--cache")


def newer_liburing_refuses_bad_options():
    refused("devtools/newer_liburing.sh", "--frobnicate")
    refused("devtools/newer_liburing.sh", "--cache")


def newer_liburing_takes_no_folder_that_it_did_not_make():
    with tempfile.TemporaryDirectory() as cache:
        theirs = [Path(cache, f"liburing-{release}") for release in ("trixie", "forky")]
        for folder in theirs:
            folder.mkdir()
            (folder / "notes").touch()
        result = run("devtools/newer_liburing.sh", "--cache", cache)
        if "no Debian is known" in result.stderr or "not a Debian system" in result.stderr:
            raise Skip(result.stderr.splitlines()[-1])
        assert result.returncode == 77 and "is in the way" in result.stderr, result
        assert all((folder / "notes").exists() for folder in theirs)


def run_refuses_an_unknown_suite():
    refused("test/run.sh", "nonsense")


def run_refuses_an_unknown_option():
    refused("test/run.sh", "--frobnicate")


def run_lists_each_folder_of_tests_as_suite():
    text = run("test/run.sh", "-h").stdout
    for build in ROOT.glob("test/*/meson.build"):
        assert build.parent.name in text, build


def quick_run(*arguments):
    """The builds that run.sh --quick starts, when no build can be set up: name -> its suites."""
    if run("devtools/setup.sh", "--print-sdk").returncode != 0:
        raise Skip("this machine is not set up")
    with tempfile.TemporaryDirectory() as folder:
        meson = Path(folder) / "meson"
        meson.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
        meson.chmod(0o755)
        result = run("test/run.sh", "--quick", *arguments, BUILD_DIR=f"{folder}/builds",
                     PATH=f"{folder}:{os.environ['PATH']}")
        assert result.returncode == 1, result
        return {name: set(suites.split())
                for name, suites in re.findall(r"^== ([^:]+): (.*)$", result.stdout, re.MULTILINE)}


def quick_alone_runs_all_but_style_and_system_in_one_build():
    suites = {build.parent.name for build in ROOT.glob("test/*/meson.build")}
    builds = quick_run()
    assert builds == {"gcc-asan": suites - {"style", "system"}}, builds


def quick_with_a_suite_for_finished_programs_makes_the_build_it_needs():
    builds = quick_run("unit", "style")
    assert builds == {"gcc-asan": {"unit"}, "gcc-release": {"unit", "style"}}, builds


def setup_refuses_an_older_dpdk_and_names_both_versions():
    if run("devtools/setup.sh", "--print-sdk").returncode != 0:
        raise Skip("this machine is not set up")
    for version in "21.11.9", "22.07.0":
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "libdpdk.pc").write_text(
                f"Name: DPDK\nDescription: -\nVersion: {version}\n", encoding="ascii")
            result = run("devtools/setup.sh", "--dpdk", folder)
        lines = result.stderr.splitlines()
        assert result.returncode == 1 and len(lines) == 1, result
        assert all(word in lines[0] for word in (version, "22.11")), lines


def recorded_packets_keep_their_vlan_tag():
    """The kernel takes the tag out of a packet that arrives, and tells it beside the packet."""
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-r", "--net"]
    link = "ip link add left type veth peer name right && ip link set left up && " \
           "ip link set right up"
    if run(*namespace, "sh", "-c", link).returncode != 0:
        raise Skip("no network namespaces or no veth here")
    tagged = bytes.fromhex("020000000001020000000002810060058888") + bytes(range(60))
    send = "import socket, time; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); " \
           f"s.bind(('left', 0)); time.sleep(1); s.send(bytes.fromhex('{tagged.hex()}')); " \
           "time.sleep(1)"
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.pcap"
        script = f"{link} || exit; {sys.executable} devtools/pcap.py record right {out} & " \
                 f"{sys.executable} -c \"{send}\"; kill $!; wait $!"
        result = run(*namespace, "sh", "-c", script)
        packets = pcap.read(out) if os.path.exists(out) else []
    assert tagged in packets, (result, packets)


def setup_without_a_package_names_it_and_the_command():
    """As another user, and on a machine on which one package seems to be missing."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        hide = 'exec /usr/bin/dpkg-query "$@" | grep -v "libcmocka-dev$"'
        for name, text in (("dpkg-query", hide), ("id", "echo 1000")):
            tool = Path(folder) / name
            tool.write_text(f"#!/bin/bash\n{text}\n", encoding="ascii")
            tool.chmod(0o755)
        result = run("devtools/setup.sh", PATH=f"{folder}:{os.environ['PATH']}")
        assert result.returncode == 1, result
        assert "packages are missing: libcmocka-dev" in result.stderr, result.stderr
        assert "apt-get install --no-install-recommends libcmocka-dev" in result.stderr


def cpu_seconds():
    """What the processes run so far have used of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def second_setup_is_fast_and_needs_no_network():
    sdk = run("devtools/setup.sh", "--print-sdk")
    if sdk.returncode != 0:
        raise Skip("this machine is not set up")
    if run(*OFFLINE, "true").returncode != 0:
        raise Skip("no right to make a network namespace")
    start = cpu_seconds()
    again = run(*OFFLINE, "devtools/setup.sh", "--print-sdk")
    assert cpu_seconds() - start < 2  # by the clock a busy machine would be slow
    assert again.returncode == 0 and again.stdout == sdk.stdout, again


def damaged_headers_are_not_used():
    sdk = run("devtools/setup.sh", "--print-sdk").stdout.strip()
    if not sdk:
        raise Skip("this DPDK carries its driver-side headers")
    if run(*OFFLINE, "true").returncode != 0:
        raise Skip("no right to make a network namespace")
    with tempfile.TemporaryDirectory() as cache:
        copy = Path(cache) / Path(sdk).name
        subprocess.run(["cp", "-r", sdk, str(copy)], check=True)
        with (copy / "dev_driver.h").open("a", encoding="ascii") as header:
            header.write("/* changed */\n")
        # Without a network it cannot be repaired, so this must fail.
        result = run(*OFFLINE, "devtools/setup.sh", "--cache", cache)
        assert result.returncode == 1 and "is damaged" in result.stderr, result


def counted(stdout, returncode=0, result="OK"):
    """What results.py counts for a TAP program."""
    return results.count_tap({"stdout": stdout, "returncode": returncode, "result": result})


def passed_failed_and_skipped_cases_are_counted():
    text = "1..4\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no device\nnot ok 4 # SKIP d\n"
    assert counted(text, 1, "FAIL") == (1, 1, 2)


def cases_that_a_crash_left_out_are_failures():
    assert counted("1..5\nok 1 - a\nok 2 - b\n", -6, "ERROR") == (2, 3, 0)


def a_crash_after_the_last_case_is_a_failure():
    assert counted("1..2\nok 1 - a\nok 2 - b\n", -11, "ERROR") == (2, 1, 0)


def a_timeout_is_a_failure():
    assert counted("1..1\nok 1 - a\n", 0, "TIMEOUT") == (1, 1, 0)


def a_silent_program_is_a_failure():
    assert counted("") == (0, 1, 0)
    assert counted("1..0\n", 0, "SKIP") == (0, 1, 0)


def a_program_that_says_why_is_skipped():
    assert counted("1..0 # SKIP no root\n", 0, "SKIP") == (0, 0, 1)
    assert counted("", results.EXIT_SKIPPED, "SKIP") == (0, 0, 1)


def the_driver_tells_ids_modules_and_parameters():
    if DRIVER is None:
        raise Skip("the driver is not built")
    result = run("dpdk-pmdinfo.py", DRIVER)
    # The libraries it needs have no drivers of their own in them, so all entries are ours.
    drivers = json.loads(result.stdout)
    assert any({"vendor": "8086", "device": "0b00"} in d.get("pci_ids", []) and d.get("kmod")
               for d in drivers), drivers
    assert any(d.get("params") for d in drivers), drivers


def pmdinfo_refuses_what_is_no_object():
    python = "/usr/bin/python3"
    result = run(python, "devtools/pmdinfo.py", os.devnull, "meson.build")
    assert result.returncode != 0 and "meson.build" in result.stderr, result


TESTS = [value for value in list(globals().values())
         if callable(value) and getattr(value, "__module__", "") == __name__
         and value not in (Skip, run, refused, counted, quick_run)]


def main():
    """Run the tests."""
    print(f"1..{len(TESTS)}")
    failed = 0
    for number, test in enumerate(TESTS, 1):
        name = f"{number} - {test.__name__}"
        try:
            test()
        except Skip as skip:
            print(f"ok {name} # SKIP {skip}")
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {name}")
            for line in repr(error).splitlines():
                print(f"# {line}")
        else:
            print(f"ok {name}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
