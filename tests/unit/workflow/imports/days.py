"""Recorded days for learning: messages with odd values, and what is learnt from them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from authzsvc.workflow.imports import finish, learn
from authzsvc.workflow.imports.draft import Draft, extended
from authzsvc.workflow.imports.finish import Result
from authzsvc.workflow.imports.learn import Learner
from authzsvc.workflow.recorded import Found

CLIENTS = frozenset(("ALGO", "Desk 2"))

TAGS = (
    50, 115,
    1, 11, 18, 38, 40, 44, 48, 54, 55, 58, 59, 60, 75, 99, 110, 126, 146, 152, 167, 200, 205, 207, 263, 264, 276, 423,
    432, 447, 448, 452, 453, 461, 528, 530, 1138, 5001, 9001, 21, 114,
)  # fmt: skip
VALUES = (
    *("1", "2", "6", "A", "Y", "y", "05", "-0", "-3", "0", "0.00001", "10.25", "1e5", "123456789012", "1.50", "0.1000"),
    *("99999999999999999", "1 6", "1  6", "CS", "OPT", "ETF", "FXSPOT", "Future", "ACME", "A|B", "null", "true", "#x"),
    *("a: b", '"', "\\d", "{x}", " lead", "trail ", "x y", "20260102-08:00:00", "20260102", "202601", "Ünï", "*"),
    *("A" * 300, "[a-z]+"),
)

PAIRS = st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(VALUES)), max_size=8)
MESSAGES = st.tuples(
    st.sampled_from(("D", "D", "D", "F", "G", "V", "q", "S", "8", "AE", "j", "B", "U1", "u1", "0")),
    st.sampled_from((("ALGO", "VENUE"), ("Desk 2", "VENUE"), ("VENUE", "ALGO"), ("VENUE", "Desk 2"))),
    PAIRS,
)
DAYS = st.lists(MESSAGES, min_size=1, max_size=25)
Message = tuple[str, tuple[str, str], list[tuple[int, str]]]


def wire(msg_type: str, parties: tuple[str, str], pairs: Iterable[tuple[int, str]]) -> bytes:
    head = f"8=FIX.4.4\x019=5\x0135={msg_type}\x0149={parties[0]}\x0156={parties[1]}\x0134=1\x01"
    return head.encode() + b"".join(b"%d=%s\x01" % (tag, value.encode()) for tag, value in pairs)


def found(day: Iterable[Message]) -> list[Found]:
    return [(line, wire(*message)) for line, message in enumerate(day, 1)]


def learner(day: Iterable[Message], claims: dict[int, str] | None = None, fix: str = "FIX.4.4") -> Learner:
    messages = list(day)
    made = Learner(extended(fix, (message[0] for message in messages)), CLIENTS, claims or {})
    made.run(found(messages))
    return made


def learnt(day: list[Message], path: Path, claims: dict[int, str] | None = None) -> tuple[Draft, Result]:
    """Learns from a day and writes the result to a path."""
    draft = learn.draft(learner(day, claims), "learnt", "FIX.4.4", "Learnt.")
    return draft, finish.finish(draft, path, force=True, log=lambda: found(day))
