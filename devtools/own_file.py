# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
"""Files and folders that a user names for results: no other file of the user is overwritten.

A file is overwritten when it begins with what its writer begins all of its files with. What is
written appears at once and complete.
"""

import errno
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

FOLDER_MARK = ".ioat-pmd"  # as in own_folder.sh


def check(path, mark=b""):
    """Raise FileExistsError when a file is there that has content and does not begin with mark.

    Without a mark any content is a user's. What is no regular file, /dev/null say, holds none.
    """
    if not os.path.isfile(path):
        return
    with open(path, "rb") as f:
        start = f.read(max(len(mark), 1))
    if start and (not mark or start != mark):
        raise FileExistsError(errno.EEXIST, "is there and holds something else than what this "
                              "program writes: remove it, or give another name", str(path))


@contextmanager
def beside(path, mark=b""):
    """The name of a new file that becomes path at the end, unless check() forbids it."""
    check(path, mark)
    if os.path.exists(path) and not os.path.isfile(path):
        yield str(path)
        return
    real = Path(os.path.realpath(path))
    umask = os.umask(0)
    os.umask(umask)
    mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o666 & ~umask
    try:
        handle, temp = tempfile.mkstemp(prefix=f"{real.name}.", dir=real.parent)
    except OSError as why:
        raise type(why)(why.errno, why.strerror, str(path)) from None
    os.close(handle)
    try:
        yield temp
        os.chmod(temp, mode)
    except BaseException:
        os.unlink(temp)
        raise
    try:
        check(path, mark)
    except FileExistsError as why:
        raise FileExistsError(errno.EEXIST, "has come meanwhile; what was to be in it is in "
                              f"{temp}", str(path)) from why
    os.replace(temp, real)


def fresh_folder(folder, script):
    """Make a folder anew. An old one is removed when it is empty or has the mark of this script."""
    folder = Path(folder)
    mark, text = folder / FOLDER_MARK, f"{script} made this folder and removes what is in it\n"
    if folder.exists():
        ours = not any(folder.iterdir()) or mark.is_file() and mark.read_text() == text
        if folder.is_symlink() or not ours:
            raise FileExistsError(errno.EEXIST, f"holds files and no mark of {script} "
                                  f"({FOLDER_MARK}): remove it", str(folder))
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    mark.write_text(text)
