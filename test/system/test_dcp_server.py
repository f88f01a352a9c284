#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""The example of sockets and files on a completion port: what goes in by TCP is in the files.

    test_dcp_server.py DCP_SERVER [MEGABYTES]
"""

import ctypes
import errno
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

from tap import DRIVER, Skip, check, main, run, test

SERVER = sys.argv[1]
TOTAL = int(sys.argv[2]) if len(sys.argv) > 2 else 64
CONNECTIONS = 4
SECONDS = 200
MB = 1 << 20
IO_URING_SETUP, PARAMS_BYTES = 425, 120  # of every architecture but alpha
ARGUMENTS = ["--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry",
             f"--lcores=(0-1)@(0-{os.cpu_count() - 1})", "-d", DRIVER, "--vdev=dma_ioat_emu0"]


def need_io_uring():
    """Skip where a sysctl or a seccomp filter forbids it, or the kernel has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(PARAMS_BYTES))
    if ring >= 0:
        os.close(ring)
    elif ctypes.get_errno() in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        raise Skip(f"no io_uring here: {os.strerror(ctypes.get_errno())}")


def sha256_of(name):
    """The digest of a file."""
    digest = hashlib.sha256()
    with open(name, "rb") as file:
        while block := file.read(MB):
            digest.update(block)
    return digest.digest()


def free_port():
    """A TCP port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(port, server):
    """A connection to the server, as soon as it listens."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError(f"no server within {SECONDS} s, exit code {server.poll()}")


def send(connection, size, digest):
    """Send that many bytes, no two blocks the same and no block of a handy length."""
    noise = os.urandom(MB)
    number = 0
    while size > 0:
        block = number.to_bytes(8, "big") + noise[number % 4093:MB - number % 511]
        block = block[:size]
        digest.update(block)
        connection.sendall(block)
        size -= len(block)
        number += 1
    connection.close()


def transfer(sizes):
    """Run the server with a connection for each size, and compare what it wrote."""
    need_io_uring()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{n}" for n in range(len(sizes))]
        with open(f"{folder}/log", "w+", encoding="utf-8") as log, subprocess.Popen(
                [SERVER, *ARGUMENTS, "--", str(port), *files], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log) as server:
            try:
                digests = [hashlib.sha256() for _ in sizes]
                # One after the other: the server hands out files in order of acceptance.
                connections = [connect(port, server) for _ in sizes]
                clients = [threading.Thread(target=send, args=client)
                           for client in zip(connections, sizes, digests)]
                for client in clients:
                    client.start()
                for client in clients:
                    client.join()
                code = server.wait(SECONDS)
            finally:
                server.kill()
            log.seek(0)
            check(code == 0, f"exit code {code}", log.read())
        for name, size, digest in zip(files, sizes, digests):
            check(os.path.getsize(name) == size, f"{os.path.getsize(name)} of {size} bytes")
            check(sha256_of(name) == digest.digest(), f"{name} has another checksum")


@test
def what_connections_send_is_in_the_files():
    """The job, with all connections at a time."""
    start = time.monotonic()
    transfer([TOTAL * MB // CONNECTIONS] * CONNECTIONS)
    print(f"# {TOTAL} MB in {time.monotonic() - start:.1f} s")


@test
def short_and_empty_connections_end_well():
    """Fewer bytes than a buffer, one, none."""
    transfer([70001, 1, 0])


@test
def wrong_arguments_are_refused():
    """No file to write to."""
    code, _, errors = run([SERVER, *ARGUMENTS, "--", "1"])
    check(code == 1 and "failed: " in errors, f"exit code {code}", errors)


main()
