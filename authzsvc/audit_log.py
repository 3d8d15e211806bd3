"""`AuditLog`: lines of the audit, written to a file or to standard output.

The service hands a line over when it makes a decision. A thread of the log's own writes the lines, at most 50 ms later
and when the service ends. A line that could not be written is kept and tried again; meanwhile the log is not
`available` and the service denies everything, so no message passes unrecorded. A file that was moved away (rotation) is
opened anew. The log must be a regular file in a directory that not everyone can write to, so that nobody can stall the
audit or replace its file.

Invariant: lines are never interleaved nor torn, because one thread writes them.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from pathlib import Path

from authzsvc import files
from authzsvc.errors import ToolError

FLUSH_S = 0.04
MAX_PENDING = 200_000
"""Lines kept while they cannot be written; what comes beyond is counted in the log. All of it is denials, because the
log is not available from half of this on."""
CLOSE_S = 5.0
"""How long the end waits for a writer that is stuck."""
STANDARD_OUTPUT = "-"

_log = logging.getLogger(__name__)


class AuditLog:
    """Writes lines in the background, in order."""

    def __init__(self, path: str) -> None:
        """Open `path`, or standard output for `-`. Raises `ToolError` when that is not possible."""
        self._failed = False
        self._path = None if path == STANDARD_OUTPUT else Path(path)
        self._descriptor = -1
        self._pending: deque[bytes] = deque()
        self._unwritten = b""
        self._dropped = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        try:
            self._open()
        except OSError as error:
            raise ToolError(f"`audit.path`: cannot write the audit log `{path}`: {files.problem(error)}") from None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def available(self) -> bool:
        """Whether what is appended now will be written: the last write did not fail, and the writer keeps up."""
        return not self._failed and len(self._pending) < MAX_PENDING // 2

    def append(self, line: bytes) -> None:
        """Hand over a line; returns at once."""
        if len(self._pending) >= MAX_PENDING:
            self._dropped += 1
            return
        self._pending.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Write what is left, and close."""
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSE_S)
        left = len(self._pending) + (1 if self._unwritten else 0)
        if left or self._dropped:
            _log.error("audit lines lost at shutdown", extra={"lines": left + self._dropped})
        if self._path is not None and self._descriptor >= 0 and not self._thread.is_alive():
            os.close(self._descriptor)
            self._descriptor = -1

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(FLUSH_S)
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        """Write all that is pending; on a failure keep the rest, and come back."""
        try:
            self._reopen_if_moved()
            while self._unwritten or self._pending:
                if not self._unwritten:
                    self._unwritten = b"".join(self._pending.popleft() for _ in range(min(len(self._pending), 1000)))
                self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
        except OSError as error:
            self._note_failure(error)
        else:
            self._note_success()

    def _note_failure(self, error: OSError) -> None:
        if not self._failed:
            _log.error("audit log cannot be written; everything is denied", extra={"reason": error.strerror})
        self._failed = True
        self._wake.set()

    def _note_success(self) -> None:
        if self._failed:
            _log.warning("audit log is written again", extra={"dropped": self._dropped})
            self._failed, self._dropped = False, 0

    def _open(self) -> None:
        if self._path is None:
            self._descriptor = 1
            return
        files.check_directory(self._path)
        self._descriptor = files.open_to_append(self._path, 0o640)

    def _reopen_if_moved(self) -> None:
        if self._path is None:
            return
        if self._descriptor >= 0:
            mine = os.fstat(self._descriptor)
            if self._is_at_path(mine):
                return
            os.close(self._descriptor)
            self._descriptor = -1
        self._open()

    def _is_at_path(self, mine: os.stat_result) -> bool:
        try:
            return os.path.samestat(mine, os.stat(str(self._path)))
        except FileNotFoundError:
            return False
