"""A small authorization server on loopback: it notes what it was asked, and answers what a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]
    certificate: str
    """The common name of the client's certificate; empty without one."""

    @property
    def basic(self) -> tuple[str, str]:
        """Client id and secret of the header, as RFC 6749, 2.3.1, has them."""
        scheme, _, value = self.headers["authorization"].partition(" ")
        assert scheme == "Basic"
        name, _, secret = base64.b64decode(value).decode("ascii").partition(":")
        return unquote_plus(name), unquote_plus(secret)


@dataclass(frozen=True)
class Reply:
    """What to answer."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


Answering = Callable[[Asked], Awaitable[Reply]]


def as_json(members: Any, status: int = 200) -> Reply:  # noqa: ANN401 (anything that JSON can hold)
    return Reply(json.dumps(members).encode(), status)


@dataclass
class AuthorizationServer:
    """Answers with `reply`, or as `answering` does."""

    reply: Reply = field(default_factory=lambda: as_json({"active": False}))
    answering: Answering | None = None
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """No answer before it is set; it is, at first."""
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def close(self) -> None:
        tasks = list(self.connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await self._one(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-1])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        assert headers["content-type"] == "application/x-www-form-urlencoded"
        form = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        assert len(dict(form)) == len(form)
        asked = Asked(head[0].split(" ")[1], headers, dict(form), _common_name(writer))
        self.asked.append(asked)
        await self.gate.wait()
        reply = await self.answering(asked) if self.answering else self.reply
        writer.write(
            f"HTTP/1.1 {reply.status} x\r\ncontent-type: {reply.content_type}\r\n"
            f"content-length: {len(reply.body)}\r\n\r\n".encode()
            + reply.body
        )
        await writer.drain()


def _common_name(writer: asyncio.StreamWriter) -> str:
    certificate = writer.get_extra_info("peercert") or {}
    return next((value for entry in certificate.get("subject", ()) for _, value in entry), "")


@contextlib.asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[AuthorizationServer]:
    """A server on a port of its own."""
    server = AuthorizationServer()
    server.gate.set()
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, ssl=tls)
    host, port = listener.sockets[0].getsockname()
    server.url = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield server
    finally:
        listener.close()
        await server.close()
