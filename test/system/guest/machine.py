# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""The two processes of a guest test: ioat-vfio-user, and QEMU with its monitor."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import time

SERVER_SECONDS = 120
MONITOR_SECONDS = 300
END_SECONDS = 30  # of QEMU, after its guest


class Broken(Exception):
    """The run cannot go on; the text says why."""


class Server:
    """ioat-vfio-user with function number number."""

    def __init__(self, command, options, folder, number):
        self.socket = folder / f"socket{number}"
        self.command = [*command, "--socket", str(self.socket), "--stats"]
        self.options = options
        self.log = folder / f"server{number}.log"
        self.process = None

    def start(self):
        """Start it, and wait until it listens."""
        self.socket.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command + self.options,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
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
            self.kill()
            return False

    def kill(self):
        """End it without warning."""
        self.process.kill()
        self.process.wait()

    def counters(self):
        """What it counted last, by name; it says so at its end and when asked by count()."""
        last = re.findall(r"^function 0: (.*)$", self.log.read_text(errors="replace"), re.M)
        return {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", last[-1] if last else "")}

    def count(self):
        """Have it say its counters, and return them."""
        seen = self.log.stat().st_size
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + SERVER_SECONDS
        while not self.log.read_bytes()[seen:].endswith(b"\n"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Broken(f"ioat-vfio-user gave no counters in {SERVER_SECONDS} s")
            time.sleep(0.02)
        return self.counters()


class Monitor:
    """QEMU's monitor, in its machine protocol (QMP)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(MONITOR_SECONDS)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.message()  # its greeting
        self.command("qmp_capabilities")

    def message(self):
        """The next message."""
        try:
            line = self.file.readline()
        except TimeoutError:
            raise Broken(f"QEMU's monitor said nothing for {MONITOR_SECONDS} s") from None
        if not line:
            raise Broken("QEMU's monitor is gone")
        return json.loads(line)

    def command(self, name, **arguments):
        """Run a command, return its result; Broken when QEMU refuses. Events are of no interest."""
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        message = self.message()
        while "return" not in message:
            if "error" in message:
                raise Broken(f"{name}: {message['error']['desc']}")
            message = self.message()
        return message["return"]

    def read_register(self, name):
        """Read the first byte of BAR 0 of the device with this name, past the processors."""
        devices = [device for bus in self.command("query-pci") for device in bus["devices"]]
        bars = [region["address"] for device in devices if device["qdev_id"] == name
                for region in device["regions"] if region["bar"] == 0]
        if not bars:
            raise Broken(f"QEMU has no device {name} with a BAR 0")
        line = self.command("human-monitor-command", **{"command-line": f"xp /1bx {bars[0]:#x}"})
        value = re.fullmatch(r"[0-9a-f]+: 0x([0-9a-f]+)\s*", line)
        if not value:
            raise Broken(f"{name}: reading BAR 0 at {bars[0]:#x} gave '{line}'")
        return int(value[1], 16)


class Guest:
    """A running QEMU and what its guest says on the second serial port."""

    def __init__(self, command, folder, seconds):
        self.folder = folder
        with open(folder / "qemu.log", "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors)
        self.deadline = time.monotonic() + seconds
        self.rest = b""
        self.open_monitor = None

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

    def answer(self, text):
        """Send the guest a line."""
        try:
            os.write(self.process.stdin.fileno(), text.encode() + b"\n")
        except BrokenPipeError:
            raise Broken("QEMU ended at a cue") from None

    def monitor(self):
        """The monitor."""
        if self.open_monitor is None:
            self.open_monitor = Monitor(self.folder / "monitor")
        return self.open_monitor

    def end(self):
        """Make sure that it is gone. Returns its exit code."""
        if self.process.poll() is None:
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
        return self.process.wait()
