#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Boot a guest with an emulated I/OAT function, run a scenario in it, and print its results as TAP.

usage: run.py BUILD SCENARIO DEVICE

BUILD is the build folder, SCENARIO a file of scenarios/, DEVICE an identity of ioat-vfio-user. What
the kernel, QEMU and the server said is kept in BUILD/guest/SCENARIO-DEVICE/.

Lines of a scenario that tell how it is run, each of them optional:
    # guest: seconds=N           time limit, boot included
    # guest: iommu=1             an emulated IOMMU, which the kernel uses
    # guest: kernel=WORDS        more of the kernel's command line
    # guest: server-icx=OPTIONS  more options of ioat-vfio-user for this DEVICE
    # guest: files=NAME...       keys of FILES
"""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
EXIT_SKIP = 77
BOOT_SECONDS = 60
SERVER_SECONDS = 10
PREPARE_SECONDS = 1200
IDS = {"icx": "0x0b00", "skx": "0x2021", "bdx": "0x6f20", "ivb": "0x0e20"}
LIB = Path("/usr/lib/x86_64-linux-gnu")


class Broken(Exception):
    """The run cannot go on; the text says why."""


def skip(why):
    """Nothing can be tested here."""
    print(f"1..0 # SKIP {why}")
    sys.exit(EXIT_SKIP)


def plugins():
    """DPDK's plugins that guests get: EAL loads all that it finds in this folder."""
    folder = next(LIB.glob("dpdk/pmds-*"), None)
    if folder is None:
        skip("DPDK's plugins are not where Debian has them")
    names = ("bus_pci", "bus_vdev", "mempool_ring", "net_pcap", "net_ring", "dma_skeleton")
    return [next(folder.glob(f"librte_{name}.so.*.*")) for name in names]


FILES = {  # what scenarios can ask for: files on this machine, =PATH where they go
    # libgcc_s is loaded late, when a thread is cancelled.
    "dpdk-test": lambda _: ["/usr/bin/dpdk-test", *plugins(), LIB / "libgcc_s.so.1"],
    "peer": lambda _: [f"{next(LIB.glob('librte_dma_ioat.so.*.*'))}=/drivers/peer.so"],
    "ours": lambda build: [f"{build}/drivers/dma/ioat/librte_dma_ioat_pmd.so=/drivers/ours.so"],
    "contract": lambda build: [f"{build}/test/contract/contract_dmadev=/usr/bin/contract_dmadev"],
    "dmafwd": lambda build: [f"{build}/app/dmafwd/dpdk-dmafwd=/usr/bin/dpdk-dmafwd",
                             f"{ROOT}/test/data/demo.pcap=/demo.pcap"],
}


def settings(scenario):
    """The "# guest:" lines of a scenario."""
    text = scenario.read_text(encoding="utf-8")
    return dict(re.findall(r"^# guest: ([\w-]+)=(.*)$", text, re.M))


class Tap:
    """Prints results in one numbering and counts them."""

    def __init__(self, suffix):
        self.suffix = suffix
        self.passed = self.failed = self.skipped = 0

    def result(self, good, name, reason=""):
        """One result; reason is what SKIP is followed by."""
        number = self.passed + self.failed + self.skipped + 1
        if good and reason:
            self.skipped += 1
        elif good:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if good else 'not ok'} {number} - {name}_{self.suffix}"
              f"{' # SKIP ' + reason if reason else ''}", flush=True)

    def end(self):
        """The plan. Returns the exit code."""
        print(f"1..{self.passed + self.failed + self.skipped}", flush=True)
        return 1 if self.failed else 0


class Server:
    """ioat-vfio-user with one function."""

    def __init__(self, program, device, options, folder):
        self.command = [program, "--socket", str(folder / "socket"), "--device", device, "--stats",
                        *options]
        self.socket = folder / "socket"
        self.log = folder / "server.log"
        self.process = None

    def start(self):
        """Start it, and wait until it listens."""
        self.socket.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        deadline = time.monotonic() + SERVER_SECONDS
        while not self.socket.exists():
            if self.process.poll() is not None:
                raise Broken(f"ioat-vfio-user ended with {self.process.returncode}")
            if time.monotonic() > deadline:
                raise Broken(f"ioat-vfio-user made no socket in {SERVER_SECONDS} s")
            time.sleep(0.02)

    def stop(self):
        """Ask it to end. Returns whether it was there and ended well."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.terminate()
        try:
            return self.process.wait(SERVER_SECONDS) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False

    def counters(self):
        """What it counted, by name; it says so at its end."""
        last = re.findall(r"^function 0: (.*)$", self.log.read_text(errors="replace"), re.M)
        return {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", last[-1] if last else "")}


def qemu_command(guest, folder, setup):
    """QEMU's command line. The second serial port, the one with the results, is on stdio."""
    words = ["console=ttyS0", "panic=-1", "oops=panic", "mitigations=off", "nokaslr",
             *setup.get("kernel", "").split()]
    iommu = []
    if "iommu" in setup:
        iommu = ["-device", "intel-iommu,intremap=on,caching-mode=on"]
        words += ["intel_iommu=on"]
    device = {"driver": "vfio-user-pci", "socket": {"type": "unix", "path": f"{folder}/socket"}}
    return [f"{guest}/qemu", "-machine", "q35,kernel-irqchip=split", "-accel", "tcg",
            "-cpu", "max", "-smp", "2", "-m", "1G", "-nodefaults", "-no-reboot",
            "-display", "none", "-monitor", "none",
            "-object", "memory-backend-memfd,id=m,size=1G,share=on", "-numa", "node,memdev=m",
            *iommu, "-device", json.dumps(device),
            "-serial", f"file:{folder}/console.log", "-serial", "stdio",
            "-kernel", f"{guest}/vmlinuz", "-initrd", f"{folder}/initramfs",
            "-append", " ".join(words)]


class Guest:
    """A running QEMU and what it says on its second serial port."""

    def __init__(self, command, log, seconds):
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors)
        self.deadline = time.monotonic() + seconds
        self.rest = b""

    def lines(self):
        """Its lines until it ends; Broken when the time is up."""
        stream = self.process.stdout.fileno()
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise Broken("the time is up")
            data = os.read(stream, 65536)
            if not data:
                return
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace").rstrip("\r")

    def end(self):
        """Make sure that it is gone. Returns its exit code."""
        if self.process.poll() is None:
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
        return self.process.wait()


def prepare():
    """The folder of QEMU and the kernel."""
    done = subprocess.run([HERE / "prepare.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=PREPARE_SECONDS)
    sys.stderr.write(done.stderr)
    if done.returncode == EXIT_SKIP:
        skip((done.stderr.strip().splitlines() or ["prepare.sh says no reason"])[-1])
    if done.returncode != 0:
        raise Broken("prepare.sh failed")
    return Path(done.stdout.strip())


def make_initramfs(guest, folder, scenario, device, files):
    """Pack what the guest runs."""
    environment = f"DEVICE={device}\nID={IDS[device]}"
    done = subprocess.run([HERE / "initramfs.sh", folder / "initramfs", guest, scenario,
                           environment, *files], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Broken(done.stderr.strip())


def follow(guest, tap):
    """Pass on the guest's results. Returns its figures; Broken when it says less than it should."""
    figures, plan, count = {}, None, 0
    for line in guest.lines():
        result = re.match(r"(not )?ok \d+ - (\S+)(?: # SKIP (.*))?$", line)
        if result:
            count += 1
            tap.result(not result[1], result[2], result[3] or "")
        elif re.match(r"1\.\.\d+$", line):
            plan = int(line[3:])
        elif line.startswith("figure "):
            name, value = line[len("figure "):].split(": ", 1)
            figures[name] = value
            print(f"# {name}: {value}", flush=True)
        elif line:
            print(line if line.startswith("#") else f"# {line}", flush=True)
    if plan is None:
        raise Broken("it ended before its scenario did")
    if plan != count:
        raise Broken(f"{count} results came, {plan} were sent")
    return figures


def show(folder):
    """The ends of the logs, as comments."""
    for log in ("server.log", "qemu.log", "console.log"):
        path = folder / log
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        print("".join(f"# {log}: {line}\n" for line in lines[-20:]), end="", flush=True)


def versions(guest):
    """Of what is not ours, for the table of results."""
    qemu = subprocess.run([guest / "qemu", "--version"], capture_output=True, text=True,
                          check=False).stdout
    dpdk = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True,
                          text=True, check=False).stdout
    return {"Linux": (guest / "release").read_text().strip(),
            "QEMU": re.search(r"version (\S+)", qemu)[1], "DPDK": dpdk.strip()}


def scenario_run(build, scenario, device, folder, tap):
    """Run it all. Returns what belongs in the table of results."""
    setup = settings(scenario)
    seconds = int(setup.get("seconds", BOOT_SECONDS))
    files = [str(f) for key in setup.get("files", "").split() for f in FILES[key](build)]
    guest_files = prepare()
    make_initramfs(guest_files, folder, scenario, device, files)
    server = Server(build / "app/ioat-vfio-user/ioat-vfio-user", device,
                    setup.get(f"server-{device}", "").split(), folder)
    start = time.monotonic()
    figures = {}
    guest = None
    try:
        server.start()
        guest = Guest(qemu_command(guest_files, folder, setup), folder / "qemu.log", seconds)
        figures = follow(guest, tap)
        tap.result(True, f"guest_ends_within_{seconds}_seconds")
    except Broken as why:
        print(f"# {why}")
        tap.result(False, f"guest_ends_within_{seconds}_seconds")
    finally:
        code = guest.end() if guest else None
        ended_well = server.stop()
        (folder / "initramfs").unlink(missing_ok=True)
    tap.result(code == 0, "qemu_ends_well")
    tap.result(ended_well, "server_outlives_the_guest_and_ends_well")
    counters = server.counters()
    if "interrupts taken" in figures:
        sent = counters.get("interrupts")
        print(f"# the device sent {sent} interrupts, {figures['interrupts taken']} were taken")
        tap.result(str(sent) == figures["interrupts taken"],
                   "guest_takes_every_interrupt_that_the_device_sends")
    return {"versions": versions(guest_files), "figures": figures, "device_counters": counters,
            "seconds": round(time.monotonic() - start)}


def main():
    """Run one scenario for one device."""
    if len(sys.argv) != 4 or sys.argv[3] not in IDS:
        sys.exit(__doc__)
    build, scenario, device = Path(sys.argv[1]), HERE / "scenarios" / sys.argv[2], sys.argv[3]
    folder = build / "guest" / f"{scenario.name}-{device}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tap = Tap(device)
    outcome = {}
    try:
        outcome = scenario_run(build, scenario, device, folder, tap)
    except Broken as why:
        print(f"# {why}")
        tap.result(False, "guest_can_be_started")
    if tap.failed:
        show(folder)
    outcome.update(scenario=scenario.name, device=device, passed=tap.passed, failed=tap.failed,
                   skipped=tap.skipped)
    (folder / "outcome.json").write_text(json.dumps(outcome, indent="\t") + "\n")
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
