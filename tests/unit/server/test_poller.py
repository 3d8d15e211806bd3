"""gRPC's polling thread, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, socket, sys, tempfile, threading, time
from pathlib import Path
from authzsvc.server.poller import start_poller
from benches.floods import wire
from tests.unit.server.test_bounded import ECHO, call, site

HELD = 250  # streams, whose end makes more events than fit the socket as bytes

def answers_ping(raw, timeout_s):
    raw.socket.settimeout(timeout_s)
    raw.send(wire.frame(wire.PING, 0, 0, b"12345678"))
    try:
        return any(frame.kind == wire.PING for frame in raw.frames())
    except OSError:
        return False

def attack(flood, other, found):
    time.sleep(0.1)
    flood.close()
    time.sleep(0.2)
    found.append(answers_ping(other, 1.0))

async def main(start):
    if start:
        start_poller()
    with tempfile.TemporaryDirectory() as directory:
        async with site(Path(directory) / "s", half_open=HELD, first_message_s=60) as (here, channel):
            await call(channel)
            flood, other = here.dial(), here.dial()
            for _ in range(HELD):
                flood.send(wire.frame(wire.HEADERS, wire.END_HEADERS, flood.stream(), wire.request_headers(ECHO)))
            await here.until(lambda: here.listener.gate.half_open == HELD)
            found = []
            thread = threading.Thread(target=attack, args=(flood, other, found))
            thread.start()
            time.sleep(2.0)  # the event loop is busy
            thread.join()
            await here.until(lambda: here.refused("abandoned") == HELD)
            assert await call(channel)
            other.close()
            print("answered" if found[0] else "silent")

asyncio.run(main(sys.argv[1] == "started"))
"""


@pytest.mark.parametrize(("start", "wanted"), [("started", "answered"), ("by-itself", "silent")])
def test_the_thread_does_not_wait_for_the_event_loop(start: str, wanted: str) -> None:
    """The loop is busy for 2 s, and a connection with many streams ends; another connection is still answered. Once
    gRPC does so by itself, `start_poller` is not needed any more."""
    command = [sys.executable, "-c", PROGRAM, start]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [wanted]
