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
import struct
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial

from tap import DRIVER, Skip, check, main, run, test

SERVER = sys.argv[1]
TOTAL = int(sys.argv[2]) if len(sys.argv) > 2 else 64
CONNECTIONS = 4
SECONDS = 600
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


def send(size, digest, connection):
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


def serve(files, clients):
    """Run the server for these files while each client, a function, has a connection as its last
    argument. Returns the exit code and what the server said."""
    need_io_uring()
    port = free_port()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log, subprocess.Popen(
            [SERVER, *ARGUMENTS, "--", str(port), *files], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log) as server:
        try:
            # One after the other: the server hands out files in order of acceptance.
            threads = [threading.Thread(target=client, args=(connect(port, server),))
                       for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            code = server.wait(SECONDS)
        finally:
            server.kill()
        log.seek(0)
        return code, log.read()


def transfer(sizes):
    """Run the server with a connection for each size, and compare what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{n}" for n in range(len(sizes))]
        digests = [hashlib.sha256() for _ in sizes]
        code, log = serve(files, [partial(send, size, digest)
                                  for size, digest in zip(sizes, digests)])
        check(code == 0, f"exit code {code}", log)
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
def what_a_short_write_leaves_is_written_next():
    """A pipe takes no more than it has room for, which is less than a buffer of the server."""
    with tempfile.TemporaryDirectory() as folder:
        pipe, digest, found = f"{folder}/pipe", hashlib.sha256(), []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: found.append(sha256_of(pipe)), daemon=True)
        reader.start()
        code, log = serve([pipe], [partial(send, 5 * MB, digest)])
        check(code == 0, f"exit code {code}", log)
        reader.join(SECONDS)
        check(found == [digest.digest()], "what came out of the pipe has another checksum")


@test
def what_cannot_be_written_ends_the_server():
    """On whichever of its threads it is found."""
    code, log = serve(["/dev/full"], [partial(send, 1, hashlib.sha256())])
    check(code == 1 and "failed: status == DCP_ST_OK" in log, f"exit code {code}", log)


def reset(connection):
    """Send a byte and break the connection."""
    connection.sendall(b"x")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@test
def a_connection_that_is_reset_costs_no_other_its_data():
    """It is reported, with the name of its file."""
    with tempfile.TemporaryDirectory() as folder:
        files, digest = [f"{folder}/broken", f"{folder}/whole"], hashlib.sha256()
        code, log = serve(files, [reset, partial(send, 5 * MB, digest)])
        check(code == 1 and "broken is cut short: Connection reset" in log, f"exit code {code}",
              log)
        check(sha256_of(files[1]) == digest.digest(), "the other has another checksum")


@test
def wrong_arguments_are_refused():
    """No file to write to, no TCP port, one lcore."""
    for arguments, what in ((["1"], "FILE comes 1 to 64 times"),
                            (["0", "file"], "TCP-PORT is 1 to 65535"),
                            (["65536", "file"], "TCP-PORT is 1 to 65535"),
                            (["1", *["file"] * 65], "FILE comes 1 to 64 times")):
        code, _, errors = run([SERVER, *ARGUMENTS, "--", *arguments])
        check(code == 1 and what in errors, f"{arguments[:2]}: exit code {code}", errors)


@test
def file_that_is_there_is_left_as_it_is():
    need_io_uring()
    with tempfile.NamedTemporaryFile("w+", encoding="ascii") as file:
        file.write("a line that took its user a week\n")
        file.flush()
        code, _, errors = run([SERVER, *ARGUMENTS, "--", str(free_port()), file.name])
        file.seek(0)
        check(file.read() == "a line that took its user a week\n", "it was changed", errors)
    check(code == 1 and "FILE is new or empty" in errors, f"exit code {code}", errors)


main()
