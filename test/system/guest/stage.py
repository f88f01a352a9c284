# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""What is around a guest: a server for each function, and the cues on which they change.

A line "cue NAME ARGUMENT..." of the guest calls one of Stage.CUES. It is answered on the same
serial port with "done" or "failed", and a text.
"""

import collections
import json
import time

from machine import Broken, Server

PORT = "port0"  # QEMU's name of the empty port
KILL_SECONDS = 120


class Stage:
    """Servers and functions; the guest is set once it runs."""

    def __init__(self, program, device, options, folder):
        command = [program, "--device", device]
        self.servers = [Server(command, words, folder, n) for n, words in enumerate(options)]
        self.qemu_log = folder / "qemu.log"
        self.guest = None

    def start_servers(self):
        """All of them."""
        for server in self.servers:
            server.start()

    def stop_servers(self):
        """All of them. Returns whether all were there and ended well."""
        return all([server.stop() for server in self.servers])

    def total(self):
        """What all of them counted."""
        total = collections.Counter()
        for server in self.servers:
            total.update(server.counters())
        return dict(total)

    def function(self, number, name):
        """Function number as QEMU's device of this name."""
        return {"driver": "vfio-user-pci", "id": name,
                "socket": {"type": "unix", "path": str(self.servers[number].socket)}}

    def qemu_devices(self, port):
        """QEMU's arguments for the functions, in order of their addresses, and the empty port."""
        words = []
        for number in range(len(self.servers)):
            words += ["-device", json.dumps(self.function(number, f"function{number}"))]
        if port:
            words += ["-device", f"pcie-root-port,id={PORT},chassis=1"]
        return words

    def kill(self):
        """End the server of function 0 without warning.

        QEMU 11.1 aborts when the connection is reset, as it is when the server ends with a message
        unread; a plain end of it is an error. So processors stand still until QEMU knows, and a
        read of the monitor's own, which is answered behind all writes on their way, leaves nothing
        unread. The function is dead from then on: registers read as all ones. QEMU does not
        connect again.
        """
        monitor = self.guest.monitor()
        monitor.command("stop")
        monitor.read_register("function0")
        self.servers[0].kill()
        deadline = time.monotonic() + KILL_SECONDS
        while "failed to read header" not in self.qemu_log.read_text(errors="replace"):
            if self.guest.process.poll() is not None:
                raise Broken("QEMU ended with the server")
            if time.monotonic() > deadline:
                raise Broken(f"QEMU did not see the server's end in {KILL_SECONDS} s")
            time.sleep(0.02)
        monitor.command("cont")

    def serve(self):
        """Start the server of function 0 again."""
        self.servers[0].start()

    def plug(self):
        """Plug function 0 into the empty port.

        There is no cue to take it out: QEMU 11.1 aborts on device_del of a vfio-user-pci with
        MSI-X, whose table of pending bits it takes out of BAR0 twice.
        """
        self.guest.monitor().command("device_add", bus=PORT, **self.function(0, "plugged"))

    def counters(self, number="0"):
        """What the server of a function has counted."""
        return " ".join(f"{name} {n}" for name, n in self.servers[int(number)].count().items())

    CUES = {"kill": kill, "serve": serve, "plug": plug, "counters": counters}

    def cue(self, name, *arguments):
        """Do what the guest asks for. Returns the answer."""
        try:
            return f"done {self.CUES[name](self, *arguments) or ''}".rstrip()
        except (Broken, KeyError, TypeError, ValueError, IndexError) as why:
            return f"failed {why!r}"
