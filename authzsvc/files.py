"""Reads files that somebody else may have replaced: only regular files, without waiting, and up to a size.

Opening a FIFO waits until somebody writes to it, and reading a device may never end or may have effects. So the kind of
a file is checked before it is opened, the file is opened without waiting, and its kind is checked again once it is
open. Links are followed, because Kubernetes mounts its ConfigMaps and Secrets as links.

Invariant: nothing here blocks for longer than the disk takes.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

MAX_PEM_BYTES = 1_000_000
"""The most bytes of a file of keys or certificates: five times a system's whole bundle of authorities."""

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_NEVER_WAIT = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class UnfitError(OSError):
    """A file or directory that exists and must not be used. `strerror` says why and what to do."""


def read(path: Path, limit: int) -> bytes:
    """Returns the content of a regular file.

    Raises `OSError` if the path leads to anything else, if the file is larger than `limit` bytes, and if it cannot be
    read; `strerror` says in plain words which.
    """
    with open_to_read(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit} bytes")
    return content


def open_to_read(path: Path) -> BufferedReader:
    """Opens a regular file. Raises `OSError` as `read` does."""
    return os.fdopen(_open(path, os.O_RDONLY), "rb")


def open_to_append(path: Path, mode: int) -> int:
    """Opens a regular file, creates it with `mode` if it does not exist, and returns its descriptor. Raises
    `OSError`."""
    return _open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)


def check(path: Path) -> None:
    """Checks a path that a library will open by itself. Raises `OSError` as `read` does."""
    os.close(_open(path, os.O_RDONLY))


def problem(error: OSError) -> str:
    """Returns what an `OSError` says, without the path, so that it can end a sentence."""
    words = error.strerror or "error"
    return words if isinstance(error, UnfitError) else words.lower()


def check_directory(path: Path) -> None:
    """Refuses a file's directory if everyone can replace the file in it. For a link, the target's directory is checked
    too.

    In a directory with the sticky bit, such as `/tmp`, only the owner of a file can replace it, so what is there must
    be this user's. Raises `OSError`; its `strerror` names the directory.
    """
    for directory in (path.absolute().parent, Path(os.path.realpath(path)).parent):
        try:
            mode = directory.stat().st_mode
        except OSError as error:
            raise UnfitError(error.errno, f"the directory `{directory}`: {problem(error)} (make it)") from None
        if not stat.S_ISDIR(mode):
            raise UnfitError(errno.ENOTDIR, f"the directory `{directory}` is no directory (take another)")
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            hint = "take another, or `chmod o-w`"
            raise UnfitError(errno.EPERM, f"the directory `{directory}` can be written by everyone ({hint})")
        if mode & stat.S_IWOTH and not _is_ours_or_free(path):
            raise UnfitError(errno.EPERM, f"it belongs to another user, and everyone can write to `{directory}`")


def _is_ours_or_free(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return True


def _open(path: Path, flags: int, mode: int = 0) -> int:
    try:
        _check_kind(os.stat(path))
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | _NEVER_WAIT, mode)
    try:
        _check_kind(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_kind(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise UnfitError(errno.EINVAL, f"it is {kind}, not a regular file (put a regular file in its place)")
