"""HTTP to an authorization server: one question, one bounded answer.

It follows no redirect (an answer of 3xx is the caller's to refuse), keeps no cookie, takes no proxy or credential from
the environment, asks for no compression (so that no small answer can swell), and gives up once the whole exchange has
taken its time, however busily the server trickles. TLS is always verified.

Invariant: an error names the host and the kind of trouble, never the path, query, headers or body, which may hold
secrets.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from authzsvc.errors import HttpError

MAX_BODY_BYTES = 1_000_000
"""A key set of 1,000 keys is a third of it."""

_MAX_CONNECTIONS = 100
_INNER = 0.9
"""The part of the whole that a single step may take: a step that times out by itself closes its socket, one that is
cancelled in the midst of TLS's opening may not."""
_IDLE_S = 3.0
"""A connection is used again within this time only: many servers close theirs after 5 s, and a request that crosses
the closing fails."""
_NO_HEADERS: Mapping[str, str] = {}

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # at lower levels they write addresses and headers


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; of a repeated header all values, joined by commas."""
    body: bytes = field(repr=False)


class Http:
    """A client for one authorization server; it may be used by many tasks of one event loop at a time."""

    def __init__(
        self, *, timeout_s: float, ca: Path | None = None, cert: Path | None = None, key: Path | None = None
    ) -> None:
        """`timeout_s` bounds a whole exchange. With `ca` only its certificates are trusted, else the system's; `cert`
        and `key` are what to show of oneself (RFC 8705). Raises `HttpError` when a file cannot be used."""
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            verify=_tls(ca, cert, key),
            timeout=timeout_s * _INNER,
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=_IDLE_S),
        )

    async def get(self, url: str, headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
        """Ask for a document. Raises `HttpError`."""
        return await self._exchange("GET", url, headers, None)

    async def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
        """Send a form (`application/x-www-form-urlencoded`). Raises `HttpError`."""
        return await self._exchange("POST", url, headers, form)

    async def close(self) -> None:
        """Close the connections; what is under way fails."""
        await self._client.aclose()

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> Answer:
        host = _host(url)
        try:
            async with asyncio.timeout(self._timeout_s):
                sent = {"accept": "application/json", **headers, "accept-encoding": "identity"}
                async with self._client.stream(method, url, headers=sent, data=form) as response:
                    body = await _bounded(response, host)
                    return Answer(response.status_code, dict(response.headers), body)
        except (TimeoutError, httpx.TimeoutException):
            raise HttpError(f"`{host}` did not answer within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError, RuntimeError) as error:
            raise HttpError(f"`{host}` {_trouble(error)}") from None


async def _bounded(response: httpx.Response, host: str) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise HttpError(f"`{host}` compressed its answer unasked")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HttpError(f"`{host}` answered more than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _host(url: str) -> str:
    """The host and port of an address that can be asked. Raises `HttpError`."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise HttpError("an address is not a URL") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise HttpError("an address is not an http or https URL with a host")
    if parsed.userinfo:
        raise HttpError(f"the address of `{parsed.host}` holds a user or password; none is ever sent")
    return parsed.netloc.decode("ascii", "replace")


def _trouble(error: Exception) -> str:
    """The kind of trouble, in words that hold nothing of the exchange."""
    cause: BaseException | None = error
    for _ in range(8):  # the chain of causes is short
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"has a certificate that is not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"broke off TLS: {cause.reason or 'no reason given'}"
        cause = cause.__cause__ or cause.__context__ if cause is not None else None
    return "cannot be reached" if isinstance(error, httpx.ConnectError) else f"failed: {type(error).__name__}"


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:  # `SSLError` is an `OSError`
        files = ", ".join(f"`{path}`" for path in (ca, cert, key) if path is not None)
        detail = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
        raise HttpError(f"cannot use the TLS files {files}: {detail or 'no certificate, or not its key'}") from None
    return context
