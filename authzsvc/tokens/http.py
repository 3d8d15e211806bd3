"""HTTP to an authorization server: one question, one bounded answer, one connection.

No connection carries a second question. Otherwise bytes after an answer (a second answer in the same segment, the body
of a 204 or 304, bytes that come late) could be taken for the answer to the next question, which is about another token.
An answer is also refused if more bytes came with it.

The client follows no redirect (its caller must refuse an answer of 3xx), keeps no cookie, takes no proxy or credential
from the environment, and asks for no compression, so that no small answer can grow. It gives up once the whole exchange
has taken its time, even if the server keeps sending bytes. TLS is always verified.

Invariant: an error names the host and the kind of trouble, never the path, query, headers or body, which may hold
secrets.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from authzsvc import files
from authzsvc.errors import HttpError
from authzsvc.tokens.http_exchange import MAX_BODY_BYTES as MAX_BODY_BYTES
from authzsvc.tokens.http_exchange import Answer as Answer
from authzsvc.tokens.http_exchange import HttpExchange

_MAX_CONNECTIONS = 100
_CLOSING_S = 1.0
"""How long a server may take to end TLS after its answer."""
_PORTS = {"http": 80, "https": 443}
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Place:
    """The parts of a URL: which host to ask, and for what."""

    tls: bool
    name: str
    port: int
    host: str
    """Name and port, as the URL has them."""
    target: str


class Http:
    """A client for one authorization server; it may be used by many tasks of one event loop at a time."""

    def __init__(
        self, *, timeout_s: float, ca: Path | None = None, cert: Path | None = None, key: Path | None = None
    ) -> None:
        """`timeout_s` bounds a whole exchange. With `ca` only its certificates are trusted, otherwise the system's.
        `cert` and `key` are the client's own (RFC 8705). Raises `HttpError` if a file cannot be used."""
        self._timeout_s = timeout_s
        self._tls = _tls(ca, cert, key)
        self._room = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._open: set[_Connection] = set()
        self._closed = False

    async def get(self, url: str, headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
        """Ask for a document. Raises `HttpError`."""
        return await self._ask("GET", url, headers)

    async def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
        """Send a form (`application/x-www-form-urlencoded`). Raises `HttpError`."""
        try:
            body = urlencode(form).encode("ascii")
        except UnicodeError:
            raise HttpError("a form holds what is not Unicode text") from None
        return await self._ask("POST", url, {**_FORM, **headers}, body)

    async def close(self) -> None:
        """Close the connections. Exchanges under way fail, and so does every later one."""
        self._closed = True
        for connection in list(self._open):
            connection.fail(HttpError("is not asked any more"))

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        place = _place(url)
        sent = {"accept": "application/json", **headers, "accept-encoding": "identity", "user-agent": "authzsvc"}
        try:
            exchange = HttpExchange(method, place.host, place.target, sent, body)
        except ValueError as error:
            raise HttpError(f"`{place.host}` cannot be asked: {error}") from None
        try:
            async with asyncio.timeout(self._timeout_s), self._room:
                return await self._exchange(place, exchange)
        except TimeoutError:
            raise HttpError(f"`{place.host}` did not answer within {self._timeout_s:g} s") from None
        except HttpError as error:
            raise HttpError(f"`{place.host}` {error}") from None
        except (OSError, ValueError) as error:  # `ValueError`: a host name that cannot be looked up
            raise HttpError(f"`{place.host}` {_trouble(error)}") from None

    async def _exchange(self, place: _Place, exchange: HttpExchange) -> Answer:
        if self._closed:
            raise HttpError("is not asked any more")
        connection = _Connection(exchange)
        self._open.add(connection)
        try:
            await self._connect(place, connection)
            return await connection.answer
        finally:
            self._open.discard(connection)
            connection.end()

    async def _connect(self, place: _Place, connection: _Connection) -> None:
        """Connects to one of the host's addresses. Each address has its share of the time, so that the next one is
        tried although an earlier one does not answer. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(place.name, place.port, type=socket.SOCK_STREAM)
        tls: dict[str, Any] = {}
        if place.tls:
            tls = {"ssl": self._tls, "server_hostname": place.name, "ssl_shutdown_timeout": _CLOSING_S}
        ends_at = loop.time() + self._timeout_s
        for left in range(len(found), 0, -1):
            family, _, _, _, address = found[-left]
            try:
                async with asyncio.timeout_at(loop.time() + (ends_at - loop.time()) / left):
                    await loop.create_connection(lambda: connection, str(address[0]), place.port, family=family, **tls)
                return
            except OSError:  # `TimeoutError` among them
                if left == 1:
                    raise


class _Connection(asyncio.Protocol):
    """A connection that carries one exchange."""

    def __init__(self, exchange: HttpExchange) -> None:
        self._exchange = exchange
        self._transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._exchange.request)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer, which must not come before the whole request was sent."""
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if unsent:
            self.fail(HttpError("answered before it had the whole question"))
        else:
            self._take(data)

    def eof_received(self) -> None:
        """Note that the server sends nothing more."""
        self._take(b"")

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the connection is lost."""
        if error is None:
            self._take(b"")
        else:
            words = _tls_trouble(error) if isinstance(error, ssl.SSLError) else f"failed: {type(error).__name__}"
            self.fail(HttpError(words))

    def fail(self, error: HttpError) -> None:
        """Give this error to whoever waits for the answer, unless the answer has come."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def end(self) -> None:
        """Close the connection: after an answer with a TLS close, otherwise at once."""
        answered = self.answer.done() and not self.answer.cancelled() and self.answer.exception() is None
        if not self.answer.done():
            self.answer.cancel()
        if self._transport is not None:
            (self._transport.close if answered else self._transport.abort)()

    def _take(self, data: bytes) -> None:
        if self.answer.done():
            return
        try:
            found = self._exchange.feed(data)
        except HttpError as error:
            self.fail(error)
            return
        if found is not None:
            self.answer.set_result(found)


def _place(url: str) -> _Place:
    """Returns the parts of a URL. Raises `HttpError` if it cannot be asked."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        raise HttpError("an address is not a URL") from None
    if not url.isascii() or not url.isprintable() or " " in url:
        raise HttpError("an address is not a URL")
    if parts.scheme not in _PORTS or not name:
        raise HttpError("an address is not an http or https URL with a host")
    if parts.username is not None or parts.password is not None:
        raise HttpError(f"the address of `{name}` holds a user or password; none is ever sent")
    shown = f"[{name}]" if ":" in name else name
    host = shown if port in (None, _PORTS[parts.scheme]) else f"{shown}:{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Place(parts.scheme == "https", name, port or _PORTS[parts.scheme], host, target)


def _trouble(error: OSError | ValueError) -> str:
    """Returns why the connection failed, in words that hold nothing of the exchange."""
    return _tls_trouble(error) if isinstance(error, ssl.SSLError) else "cannot be reached"


def _tls_trouble(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not accepted: {error.verify_message}"
    return f"broke off TLS: {error.reason or 'no reason given'}"


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    try:
        for path in filter(None, (ca, cert, key)):
            files.check(path)
        context = ssl.create_default_context(cafile=ca)
        context.set_alpn_protocols(["http/1.1"])
        if cert is not None:
            context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:  # `SSLError` is an `OSError`
        named = ", ".join(f"`{path}`" for path in (ca, cert, key) if path is not None)
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            detail = files.problem(error)
        else:
            detail = "no certificate, or not its key"
        raise HttpError(f"cannot use the TLS files {named}: {detail}") from None
    return context
