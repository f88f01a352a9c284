#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Test the project's own tools: setup.sh, run.sh, results.py, pmdinfo.py. Prints TAP.

    tools.py SOURCE_ROOT [DRIVER.so]
"""

import functools
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


@functools.cache
def the_sdk():
    """The folder with the driver-side headers, empty for a DPDK that carries them."""
    result = run("devtools/setup.sh", "--print-sdk")
    if result.returncode != 0:
        raise Skip("this machine is not set up")
    return result.stdout.strip()


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


def with_tools(folder, **scripts):
    """A PATH on which these shell scripts come first."""
    for name, text in scripts.items():
        tool = Path(folder) / name.replace("_", "-")
        tool.write_text(f"#!/bin/bash\n{text}\n", encoding="ascii")
        tool.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def quick_run(*arguments):
    """What run.sh --quick prints when no build can be set up: how it called meson, too."""
    the_sdk()
    with tempfile.TemporaryDirectory() as folder:
        path = with_tools(folder, meson='echo "meson $*"; exit 1')
        result = run("test/run.sh", "--quick", *arguments, BUILD_DIR=f"{folder}/builds", PATH=path)
        assert result.returncode == 1, result
        return result.stdout


def builds_of(*arguments):
    """The builds that run.sh --quick starts: name -> its suites."""
    return {name: set(suites.split()) for name, suites in
            re.findall(r"^== ([^:]+): (.*)$", quick_run(*arguments), re.MULTILINE)}


def warnings_are_errors_in_runs_of_our_own_alone():
    assert re.search("^meson setup .*-Dwerror=true ", quick_run("unit"), re.MULTILINE)
    assert "werror" not in (ROOT / "meson.build").read_text(encoding="utf-8")


def quick_alone_runs_all_but_style_and_system_in_one_build():
    suites = {build.parent.name for build in ROOT.glob("test/*/meson.build")}
    builds = builds_of()
    assert builds == {"gcc-asan": suites - {"style", "system"}}, builds


def quick_with_a_suite_for_finished_programs_makes_the_build_it_needs():
    builds = builds_of("unit", "style")
    assert builds == {"gcc-asan": {"unit"}, "gcc-release": {"unit", "style"}}, builds


def setup_refuses_an_older_dpdk_and_names_both_versions():
    the_sdk()
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


def setup_without(module, *arguments):
    """setup.sh as another user, on a machine on which one module of pkg-config is missing."""
    with tempfile.TemporaryDirectory() as folder:
        path = with_tools(
            folder, id="echo 1000",
            pkg_config=f'[[ "$*" != *{module}* ]] || exit 1; exec /usr/bin/pkg-config "$@"')
        return run("devtools/setup.sh", *arguments, PATH=path)


def setup_without_a_package_names_it_and_the_command():
    result = setup_without("jansson")
    assert result.returncode == 1, result
    assert "have it: module jansson (libjansson-dev)\n" in result.stderr, result.stderr
    assert "apt-get install --no-install-recommends libjansson-dev" in result.stderr, result.stderr


def setup_for_the_demo_needs_nothing_of_the_tests():
    the_sdk()
    result = setup_without("cmocka")
    assert result.returncode == 0 and result.stdout.startswith("ready: "), result
    result = setup_without("cmocka", "--tests")
    assert result.returncode == 1 and "cmocka (libcmocka-dev)" in result.stderr, result


def setup_goes_on_without_what_only_some_tests_need():
    the_sdk()
    result = setup_without("liburing", "--tests")
    assert result.returncode == 0 and result.stdout.startswith("ready: "), result
    assert "skipped: " in result.stderr and "liburing (liburing-dev)" in result.stderr, result


def setup_asks_apt_for_the_name_it_knows():
    """As root on a system whose archive has the missing package by its second name."""
    the_sdk()
    with tempfile.TemporaryDirectory() as folder:
        path = with_tools(
            folder, id="echo 0", ldconfig=f"cat {folder}/installed 2>/dev/null",
            apt_cache='[ "$2" != libelf1 ] || echo "  Candidate: 1"',
            apt_get=f'[ "${{@: -1}}" != libelf1 ] || echo "\tlibelf.so.1 (x)" >{folder}/installed')
        # ldconfig is looked for in the folders of root last.
        result = run("devtools/setup.sh", "--tests", PATH=path)
    assert result.returncode == 0 and "setup.sh: installing: " in result.stderr, result
    assert " libelf1\n" in result.stderr and "libelf1t64" not in result.stderr, result.stderr


def setup_takes_no_source_of_another_dpdk():
    if the_sdk() == "":
        raise Skip("this DPDK carries its driver-side headers")
    with tempfile.TemporaryDirectory() as folder:
        refused("devtools/setup.sh", "--source", folder)
        (Path(folder) / "VERSION").write_text("19.11.3\n", encoding="ascii")
        result = run("devtools/setup.sh", "--source", folder, "--cache", f"{folder}/cache")
        assert result.returncode == 1 and len(result.stderr.splitlines()) == 1, result
        assert "19.11.3" in result.stderr and "legal" in result.stderr, result


def bare(folder, *arguments, **scripts):
    """test/bare.sh with temporary files in a folder, which also holds a user's file."""
    Path(f"{folder}/tmp").mkdir()
    Path(f"{folder}/tools").mkdir()
    Path(f"{folder}/tmp/ioat-bare-mine").write_text("mine", encoding="ascii")
    path = with_tools(f"{folder}/tools", **scripts)
    return subprocess.Popen(["test/bare.sh", *arguments], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "PATH": path, "TMPDIR": f"{folder}/tmp"})


def bare_refuses_wrong_arguments():
    refused("test/bare.sh", "sid")
    refused("test/bare.sh", "--frobnicate")
    refused("test/bare.sh", "bookworm", "trixie")
    result = run("test/bare.sh")
    assert result.returncode == 2 and "missing" in result.stderr, result


def bare_says_what_the_machine_lacks():
    for scripts, word in (({"id": "echo 1000"}, "root"),
                          ({"id": "echo 0", "apt_get": "true"}, "archive")):
        with tempfile.TemporaryDirectory() as folder:
            process = bare(folder, "trixie", mmdebstrap="true", **scripts)
            error = process.communicate()[1]
            assert process.returncode == 1 and word in error, (process.returncode, error)
            assert len(error.splitlines()) == 1, error


def bare_leaves_nothing_of_its_own_behind():
    """When making a root fails, and when a signal comes while one is made."""
    if os.geteuid() != 0 or run("unshare", "--mount", "--pid", "--fork", "true").returncode != 0:
        raise Skip("no right to make namespaces")
    archive = 'echo "http://127.0.0.1/debian/ stable main"'
    for ending, status in (("exit 1", 1), ("echo made; exec sleep 600", 143)):
        with tempfile.TemporaryDirectory() as folder:
            make = 'for root; do [[ $root != */root ]] || break; done; mkdir -p "$root/etc"; ' \
                   f'mount -t tmpfs none "$root/etc"; {ending}'
            process = bare(folder, "trixie", mmdebstrap=make, apt_get=archive)
            if status == 143:
                assert process.stdout.readline() == "made\n"
                process.terminate()
            output = process.communicate(timeout=120)
            assert process.returncode == status, (process.returncode, output)
            assert os.listdir(f"{folder}/tmp") == ["ioat-bare-mine"], os.listdir(f"{folder}/tmp")


def cpu_seconds():
    """What the processes run so far have used of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def second_setup_is_fast_and_needs_no_network():
    sdk = the_sdk()
    if run(*OFFLINE, "true").returncode != 0:
        raise Skip("no right to make a network namespace")
    start = cpu_seconds()
    again = run(*OFFLINE, "devtools/setup.sh", "--print-sdk")
    assert cpu_seconds() - start < 2  # by the clock a busy machine would be slow
    assert again.returncode == 0 and again.stdout.strip() == sdk, again


def damaged_headers_are_not_used():
    sdk = the_sdk()
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
         and value not in (Skip, run, refused, counted, quick_run, builds_of, the_sdk,
                           with_tools, setup_without, bare)]


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
