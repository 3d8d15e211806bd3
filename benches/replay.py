"""How many recorded messages a second `authzsvc mapping replay` decides under two mappings, on one core."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from authzsvc.demo.stack import find_mapping
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import recorded
from authzsvc.workflow.replay import Replay
from authzsvc.workflow.sessions import held

MESSAGES = 200_000
_CLIENTS = 20
_SYMBOLS = 500
_TIME = "20260105-14:30:%02d.%03d"


def measure(messages: int = MESSAGES) -> float:
    """Write a day of orders, cancels, replaces and reports, replay it, and give the messages a second."""
    policy = compile_mapping(find_mapping("institutional.yaml"))
    clients = frozenset(f"CLIENT{number}" for number in range(_CLIENTS))
    token = held(["order:create:equity", "order:cancel", "order:replace"], [], {"accounts": ["A1", "A2"]})
    with tempfile.TemporaryDirectory(prefix="fix-bench-") as directory:
        path = Path(directory) / "day.log"
        with path.open("wb") as file:
            file.writelines(day(messages))
        began = time.perf_counter()
        with recorded.opened(path) as (log, _):
            report = Replay(policy, policy, {}, token, clients).run(recorded.messages(log))
        took = time.perf_counter() - began
    if report.messages != messages or report.unreadable:
        raise AssertionError(f"{report.messages} of {messages} messages were decided")
    return messages / took


def day(messages: int) -> Iterator[bytes]:
    """Give the lines of a log: of ten messages four are orders, one a replace, one a cancel, four are reports."""
    for number in range(messages):
        client, seq = f"CLIENT{number % _CLIENTS}", number // _CLIENTS + 1
        kind = number // _CLIENTS % 10
        symbol = f"SYM{number * 7919 % _SYMBOLS}"
        order = f"55={symbol}|167={'CS' if number % 3 else 'OPT'}|54={number % 2 + 1}|38={number % 97 * 100 + 100}"
        if kind < 6:
            msg_type = "D" if kind < 4 else "G" if kind == 4 else "F"
            origin = "" if msg_type == "D" else f"41=O-{number - 1}|"
            price = f"40=2|44={100 + number % 50}.25|59=0|60={_moment(number)}|"
            yield _line(
                number, msg_type, client, "VENUE", seq, f"11=O-{number}|{origin}1=A{number % 3}|{order}|{price}"
            )
        else:
            state = f"37=V-{number}|11=O-{number}|17=E-{number}|150=0|39=0|1=A{number % 3}|{order}|"
            yield _line(number, "8", "VENUE", client, seq, f"{state}151=100|14=0|6=0|60={_moment(number)}|")


def _line(number: int, msg_type: str, sender: str, target: str, seq: int, body: str) -> bytes:
    moment = _moment(number)
    inner = f"35={msg_type}|34={seq}|49={sender}|52={moment}|56={target}|{body}".replace("|", "\x01").encode()
    whole = b"8=FIX.4.4\x019=%d\x01%s" % (len(inner), inner)
    return moment.encode() + b" : " + whole + b"10=%03d\x01\n" % (sum(whole) % 256)


def _moment(number: int) -> str:
    return _TIME % (number // 1000 % 60, number % 1000)


if __name__ == "__main__":
    print(f"{measure():,.0f} messages a second")
