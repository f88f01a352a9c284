#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Boot a guest with emulated I/OAT functions, run a scenario in it, and print its results as TAP.

usage: run.py BUILD SCENARIO DEVICE [KERNEL]

BUILD is the build folder, SCENARIO a file of scenarios/, DEVICE an identity of ioat-vfio-user,
KERNEL one that "devtools/guest.sh --kernel KERNEL" has fetched (else that of this Debian). What the
kernel, QEMU and the server said is kept in BUILD/guest/SCENARIO-DEVICE/; with a KERNEL, that is
part of the scenario's name: linux-6.12-icx.

Lines of a scenario that tell how it is run, each of them optional:
    # guest: seconds=N           time limit, boot included
    # guest: iommu=1             an emulated IOMMU, which the kernel uses
    # guest: kernel=WORDS        more of the kernel's command line
    # guest: server-icx=OPTIONS  more options of ioat-vfio-user for this DEVICE
    # guest: function=OPTIONS    a function, whose server has these options; may be repeated
    # guest: port=1              an empty port, where a function can be plugged in
    # guest: files=NAME...       keys of FILES

Without a "function" there is one. A guest can ask for the cues of stage.py; how long each of its
steps took is in steps.txt.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "devtools"))
import own_file  # pylint: disable=wrong-import-position
from machine import Broken, Guest  # pylint: disable=wrong-import-position
from stage import Stage  # pylint: disable=wrong-import-position

EXIT_SKIP = 77
BOOT_SECONDS = 60
BUSY = 4  # so many times as long may all take on a machine that does other things as well
PREPARE_SECONDS = 600
IDS = {"icx": "0x0b00", "skx": "0x2021", "bdx": "0x6f20", "ivb": "0x0e20"}
LIB = Path("/usr/lib/x86_64-linux-gnu")


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
    "dpdk": lambda _: [*plugins(), LIB / "libgcc_s.so.1"],
    "dpdk-test": lambda _: ["/usr/bin/dpdk-test"],
    "faults": lambda build: [f"{build}/test/system/guest/guest_faults=/usr/bin/guest_faults"],
    "peer": lambda _: [f"{next(LIB.glob('librte_dma_ioat.so.*.*'))}=/drivers/peer.so"],
    "ours": lambda build: [f"{build}/drivers/dma/ioat/librte_dma_ioat_pmd.so=/drivers/ours.so"],
    "contract": lambda build: [f"{build}/test/contract/contract_dmadev=/usr/bin/contract_dmadev"],
    "dmafwd": lambda build: [f"{build}/app/dmafwd/dpdk-dmafwd=/usr/bin/dpdk-dmafwd",
                             f"{ROOT}/test/data/demo.pcap=/demo.pcap"],
}


def settings(scenario, device):
    """The "# guest:" lines of a scenario; under "functions" the options of each server."""
    lines = re.findall(r"^# guest: ([\w-]+)=(.*)$", scenario.read_text(encoding="utf-8"), re.M)
    setup = dict(lines)
    more = setup.get(f"server-{device}", "").split()
    options = [value.split() for name, value in lines if name == "function"] or [[]]
    setup["functions"] = [words + more for words in options]
    return setup


class Tap:
    """Prints results in one numbering, counts them and notes when they came."""

    def __init__(self, suffix, steps):
        self.suffix = suffix
        self.steps = steps
        self.last = time.monotonic()
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
        now = time.monotonic()
        with open(self.steps, "a", encoding="utf-8") as steps:
            steps.write(f"{now - self.last:6.1f} s  {name}\n")
        self.last = now

    def end(self):
        """The plan. Returns the exit code."""
        print(f"1..{self.passed + self.failed + self.skipped}", flush=True)
        return 1 if self.failed else 0


def qemu_command(guest, folder, setup, devices):
    """QEMU's command line. The second serial port, the one with the results, is on stdio."""
    # no_timer_check: on a busy machine the first ticks come too late for the kernel, which stops.
    words = ["console=ttyS0", "panic=-1", "oops=panic", "mitigations=off", "nokaslr",
             "no_timer_check", *setup.get("kernel", "").split()]
    iommu = []
    if "iommu" in setup:
        iommu = ["-device", "intel-iommu,intremap=on,caching-mode=on"]
        words += ["intel_iommu=on"]
    return [f"{guest}/qemu", "-machine", "q35,kernel-irqchip=split", "-accel", "tcg",
            "-cpu", "max", "-smp", "2", "-m", "1G", "-nodefaults", "-no-reboot",
            "-display", "none", "-monitor", "none",
            "-qmp", f"unix:{folder}/monitor,server=on,wait=off",
            "-object", "memory-backend-memfd,id=m,size=1G,share=on", "-numa", "node,memdev=m",
            *iommu, *devices,
            "-serial", f"file:{folder}/console.log", "-serial", "stdio",
            "-kernel", f"{guest}/vmlinuz", "-initrd", f"{folder}/initramfs",
            "-append", " ".join(words)]


def prepare(kernel):
    """The folder of QEMU and the kernel, which a call of guest.sh left."""
    options = ["--kernel", kernel] if kernel else []
    done = subprocess.run([ROOT / "devtools/guest.sh", "--cached", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=PREPARE_SECONDS)
    sys.stderr.write(done.stderr)
    if done.returncode == EXIT_SKIP:
        skip((done.stderr.strip().splitlines() or ["guest.sh says no reason"])[-1])
    if done.returncode != 0:
        raise Broken("guest.sh failed")
    return Path(done.stdout.strip())


def make_initramfs(guest, folder, scenario, device, files):
    """Pack what the guest runs."""
    environment = f"DEVICE={device}\nID={IDS[device]}"
    done = subprocess.run([HERE / "initramfs.sh", folder / "initramfs", guest, scenario,
                           environment, *files], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Broken(done.stderr.strip())


def follow(stage, tap):
    """Pass on the guest's results. Returns its figures; Broken when it says less than it should."""
    figures, plan, count = {}, None, 0
    for line in stage.guest.lines():
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
        elif line.startswith("cue "):
            answer = stage.cue(*line.split()[1:])
            print(f"# {line}: {answer}", flush=True)
            stage.guest.answer(answer)
        elif line:
            print(line if line.startswith("#") else f"# {line}", flush=True)
    if plan is None:
        raise Broken("it ended before its scenario did")
    if plan != count:
        raise Broken(f"{count} results came, {plan} were sent")
    return figures


def show(folder):
    """The ends of the logs, as comments."""
    for path in sorted(folder.glob("*.log")):
        lines = path.read_text(errors="replace").splitlines()
        print("".join(f"# {path.name}: {line}\n" for line in lines[-20:]), end="", flush=True)


def versions(guest):
    """Of what is not ours, for the table of results."""
    qemu = subprocess.run([guest / "qemu", "--version"], capture_output=True, text=True,
                          check=False).stdout
    dpdk = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True,
                          text=True, check=False).stdout
    return {"Linux": (guest / "release").read_text().strip(),
            "QEMU": re.search(r"version (\S+)", qemu)[1], "DPDK": dpdk.strip()}


def scenario_run(build, scenario, device, kernel, folder, tap):
    """Run it all. Returns what belongs in the table of results."""
    setup = settings(scenario, device)
    seconds = BUSY * int(setup.get("seconds", BOOT_SECONDS))
    files = [str(f) for key in setup.get("files", "").split() for f in FILES[key](build)]
    guest_files = prepare(kernel)
    make_initramfs(guest_files, folder, scenario, device, files)
    stage = Stage(build / "app/ioat-vfio-user/ioat-vfio-user", device, setup["functions"], folder)
    start = time.monotonic()
    figures = {}
    code = None
    try:
        stage.start_servers()
        devices = stage.qemu_devices("port" in setup)
        stage.guest = Guest(qemu_command(guest_files, folder, setup, devices), folder, seconds)
        figures = follow(stage, tap)
        tap.result(True, f"guest_ends_within_{seconds}_seconds")
    except Broken as why:
        print(f"# {why}")
        tap.result(False, f"guest_ends_within_{seconds}_seconds")
    finally:
        code = stage.guest.end() if stage.guest else None
        ended_well = stage.stop_servers()
        (folder / "initramfs").unlink(missing_ok=True)
    tap.result(code == 0, "qemu_ends_well")
    tap.result(ended_well, "server_outlives_the_guest_and_ends_well")
    counters = stage.total()
    if "interrupts taken" in figures:
        sent = counters.get("interrupts")
        print(f"# the device sent {sent} interrupts, {figures['interrupts taken']} were taken")
        tap.result(str(sent) == figures["interrupts taken"],
                   "guest_takes_every_interrupt_that_the_device_sends")
    return {"versions": versions(guest_files), "figures": figures, "device_counters": counters,
            "seconds": round(time.monotonic() - start)}


def main():
    """Run one scenario for one device."""
    if len(sys.argv) not in (4, 5) or sys.argv[3] not in IDS:
        sys.exit(__doc__)
    build, scenario, device = Path(sys.argv[1]), HERE / "scenarios" / sys.argv[2], sys.argv[3]
    kernel = sys.argv[4] if len(sys.argv) > 4 else ""
    name = f"{scenario.name}-{Path(kernel).name}" if kernel else scenario.name
    folder = build / "guest" / f"{name}-{device}"
    try:
        own_file.fresh_folder(folder, "test/system/guest/run.py")
    except FileExistsError as why:
        sys.exit(f"run.py: {why.filename}: {why.strerror}")
    tap = Tap(device, folder / "steps.txt")
    outcome = {}
    try:
        outcome = scenario_run(build, scenario, device, kernel, folder, tap)
    except Broken as why:
        print(f"# {why}")
        tap.result(False, "guest_can_be_started")
    if tap.failed:
        show(folder)
    outcome.update(scenario=name, device=device, passed=tap.passed, failed=tap.failed,
                   skipped=tap.skipped)
    (folder / "outcome.json").write_text(json.dumps(outcome, indent="\t") + "\n")
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
