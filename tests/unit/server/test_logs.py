from __future__ import annotations

import json
import logging
import sys

from authzsvc.server.logs import JsonFormatter


def formatted(message: str, *arguments: object, error: bool = False, **extra: object) -> dict[str, object]:
    logger = logging.getLogger("a.b")
    info = sys.exc_info() if error else None
    record = logger.makeRecord("a.b", logging.WARNING, __file__, 1, message, arguments, info, extra=extra)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found: dict[str, object] = json.loads(line)
    return found


def test_a_record_is_one_line_of_json() -> None:
    found = formatted("hello %s\n", "you", listen=["unix:/x"])
    assert (found["level"], found["logger"], found["message"]) == ("warning", "a.b", "hello you\n")
    assert found["listen"] == ["unix:/x"]
    assert str(found["time"]).endswith("Z")


def test_an_exception_shows_its_kind_and_place_and_not_its_text() -> None:
    try:
        raise ValueError("hunter2")
    except ValueError:
        found = formatted("failed", error=True)
    assert found["error"] == "ValueError"
    assert "test_an_exception" in str(found["frames"])
    assert "hunter2" not in json.dumps(found)


def test_what_is_no_json_is_shown_as_text() -> None:
    assert formatted("x", where=ValueError)["where"] == "<class 'ValueError'>"
