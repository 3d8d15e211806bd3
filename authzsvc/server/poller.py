"""Starts gRPC's polling thread so that it never waits for the event loop.

gRPC polls for all listeners in one thread, which puts each event into a queue and wakes the event loop with a byte on a
socket. The loop takes one byte and the whole queue each time it wakes. So when hundreds of events come at once, as at
the end of a connection with many streams, their bytes fill the socket, and the thread would wait until the loop has
taken byte after byte. Meanwhile no listener would receive or send anything. A byte that does not fit is not needed,
because a full socket wakes the loop in any case. Therefore the end that the thread writes to does not block.
"""

from __future__ import annotations

import socket
from typing import Any

import grpc.aio


def start_poller() -> None:
    """Start the polling thread, if no server or channel of this process has started it. Needs a running event loop."""
    make, made = socket.socketpair, list[tuple[socket.socket, socket.socket]]()

    def noted(*args: Any, **options: Any) -> tuple[socket.socket, socket.socket]:  # noqa: ANN401
        made.append(make(*args, **options))
        return made[-1]

    socket.socketpair = noted
    try:
        grpc.aio.init_grpc_aio()
    finally:
        socket.socketpair = make
    for _, writing in made:  # gRPC reads from the first
        writing.setblocking(False)
