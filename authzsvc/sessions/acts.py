"""`Act`: what an operator did or was refused, for the audit; and who operators are.

Pure. It also says what operators may write: every text is bounded and printable, because it goes into logs, terminals
and, the reason, into tag 58 of the Logout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from authzsvc.errors import AdminError, StoreError
from authzsvc.sessions.restrictions import By, Selector

MAX_REASON = 200
"""Characters: it goes into Text (58)."""
MAX_VALUE = 256
MAX_NAME = 128


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks."""

    name: str
    claimed: bool
    """They say so themselves, over the unix socket; else a certificate or a token proves it."""
    address: str = ""


class Action(StrEnum):
    """What operators can ask."""

    KILL = "kill"
    RESTORE = "restore"
    REVOKE = "revoke"
    LIST = "list"
    UNLOCK = "unlock"


@dataclass(frozen=True, slots=True)
class Act:
    """One of them, done or refused."""

    id: str
    at: float
    """Unix time."""
    action: str
    """An `Action`; what was called, where the caller was not let in."""
    operator: Operator
    by: str = ""
    """A `By` or a `RevokedBy`."""
    value: str = ""
    mode: str = ""
    issuer: str = ""
    reason: str = ""
    targets: tuple[str, ...] = ()
    """Ids of the restrictions and revocations made or lifted."""
    hit: int = 0
    """Live sessions concerned."""
    behind: tuple[str, ...] = ()
    """What had not acknowledged it in time: services of the store, and the number of sessions of this service."""
    refused: str = ""
    """Why nothing was done; empty when it was."""
    not_kept: str = ""
    """Why it is in force but would not survive a restart; empty when it would."""


class NotInForce(AdminError):
    """What is to be lifted is not there."""


class Noting:
    """Tells `note` why, when what it guards is refused or cannot be kept; the error goes on its way."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, AdminError | StoreError):
            self._note(str(error))


def check_selector(selector: Selector) -> None:
    """Raise `AdminError` unless it can select something, and `all` selects no more than it says."""
    if selector.by is By.ALL:
        if selector.value:
            raise AdminError("`all` takes no value (leave it out, or select by something else)")
        return
    check_text(f"the {selector.by}", selector.value, MAX_VALUE)


def check_reason(reason: str) -> None:
    """Raise `AdminError` unless it can stand in tag 58 of any FIX version."""
    check_text("the reason", reason, MAX_REASON)
    if not reason.isascii():
        raise AdminError("the reason is not plain ASCII; it is sent in tag 58 (write it without accents)")


def check_text(what: str, text: str, most: int) -> None:
    """Raise `AdminError` unless it is 1 to `most` printable characters with no space around."""
    if not text:
        raise AdminError(f"{what} is missing (give it)")
    if len(text) > most:
        raise AdminError(f"{what} is longer than {most} characters (shorten it)")
    if not text.isprintable() or text != text.strip():
        raise AdminError(f"{what} has characters that cannot be printed, or spaces around it (leave them out)")
