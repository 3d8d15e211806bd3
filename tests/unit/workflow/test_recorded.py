"""FIX messages found in logs of all forms."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from authzsvc.errors import ToolError
from authzsvc.workflow import recorded

PLAIN = "8=FIX.4.4|9=61|35=D|34=2|49=ALGO|56=VENUE|52=20260105-14:30:00|55=ACME|"
WIRE = (PLAIN + "10=004|").replace("|", "\x01")
READ = PLAIN.replace("|", "\x01").encode()

FORMS = {
    "bare": f"{WIRE}\n",
    "quickfix": f"20260105-14:30:00.123456789 : {WIRE}\n",
    "quickfix-j": f"<20260105-14:30:00, FIX.4.4:ALGO->VENUE, incoming> ({WIRE})\n",
    "quickfixgo": f"2026/01/05 14:30:00.123456 {WIRE}\r\n",
    "pipes": f"{PLAIN}10=004|\n",
    "pipes, none at the end": f"{PLAIN}10=004\n",
    "carets": f"in: {PLAIN}10=004|\n".replace("|", "^A"),
    "semicolons": f"out: {PLAIN}10=004|\n".replace("|", ";"),
    "SOH in angles": f"[main] out: {PLAIN}10=004|\n".replace("|", "<SOH>"),
    "SOH escaped": f'{{"raw": "{PLAIN}10=004|"}}\n'.replace("|", "\\u0001"),
    "SOH as a picture": f"{PLAIN}10=004|\n".replace("|", "\u2401"),
    "blanks": f"{PLAIN}10=004\n".replace("|", " "),
}


def found(text: str | bytes) -> list[tuple[int, bytes | None]]:
    return list(recorded.messages(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_line_of_each_form(form: str) -> None:
    assert found(form) == [(1, READ)]
    assert found(form * 3) == [(1, READ), (2, READ), (3, READ)]


def test_fixt() -> None:
    assert found(WIRE.replace("FIX.4.4", "FIXT.1.1")) == [(1, READ.replace(b"FIX.4.4", b"FIXT.1.1"))]


def test_one_after_the_other_without_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for piece in (1_000_000, 1000, 100, 97, len(WIRE), len(WIRE) + 1):
        monkeypatch.setattr(recorded, "_PIECE", piece)
        assert found(WIRE * 50) == [(1, READ)] * 50


def test_a_line_break_within_a_message() -> None:
    broken = WIRE.replace("55=ACME", "58=two\nlines\x0155=ACME")
    assert found(WIRE + "\n" + broken + "\n" + WIRE) == [
        (1, READ),
        (2, READ.replace(b"55=ACME", b"58=two\nlines\x0155=ACME")),
        (4, READ),
    ]


def test_what_is_no_message_is_told_with_its_line_and_blank_lines_are_not() -> None:
    text = f"Created session\n\n{WIRE}\n{WIRE[:40]}\n{WIRE}\n10=000\n{WIRE[:40]}"
    assert found(text) == [(1, None), (3, READ), (4, None), (5, READ), (6, None), (7, None)]


def test_no_end_is_waited_for_without_end() -> None:
    lines = found(WIRE[:40] + "\n" + "x\n" * 100)
    assert (1, None) in lines
    assert found(WIRE[:40] + "y" * 3_000_000 + "\n" + WIRE)[-1] == (2, READ)
    assert found(b"\x00\xff" * 100_000) == [(1, None)]


@pytest.mark.parametrize("packed", [False, True])
def test_files(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "day.log"
    path.write_bytes(gzip.compress(FORMS["quickfix"].encode()) if packed else FORMS["quickfix"].encode())
    with recorded.opened(path) as (log, _):
        assert list(recorded.messages(log)) == [(1, READ)]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no such file"), recorded.opened(tmp_path / "none"):
        pass
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(FORMS["bare"].encode() * 1000)[:-20])
    with pytest.raises(ToolError, match="damaged"), recorded.opened(path) as (log, _):
        list(recorded.messages(log))
