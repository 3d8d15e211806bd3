"""The commands' way to the admin service: where it is, how to prove who asks, and its refusals in plain words.

Over a unix socket the user's name goes along; over TCP it is always TLS, with a certificate, a token or both.

Invariant: a token is read from a file only, and sent over TLS only.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from pydantic import ValidationError

from authzsvc import files
from authzsvc._gen.fixauthz.v1 import admin_pb2 as pb
from authzsvc.cli.output import say
from authzsvc.errors import Faults, ToolError
from authzsvc.policy.source import read
from authzsvc.settings.admin import AdminSettings

TIMEOUT_S = 15.0
MAX_TOKEN = 65_536
MAX_PAGES = 10_000
ENVIRONMENT = "AUTHZSVC_ADMIN_ADDRESS"
UNIX = "unix:"

AddressOption = Annotated[
    str | None,
    typer.Option("--admin", help="`unix:/path` or `host:port` of the admin service.", envvar=ENVIRONMENT),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(help="The service's settings, to find the address in.", envvar="AUTHZSVC_CONFIG", show_default=False),
]
CaOption = Annotated[Path | None, typer.Option("--ca", help="Who vouches for the service, PEM.")]
CertOption = Annotated[Path | None, typer.Option("--cert", help="Your certificate, PEM.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="Its key, PEM.")]
TokenOption = Annotated[Path | None, typer.Option("--token-file", help="A file with your access token.")]

_In = TypeVar("_In", bound=Message)
_Out = TypeVar("_Out", bound=Message)
_PagedIn = TypeVar("_PagedIn", pb.ListLockoutsRequest, pb.ListSessionsRequest, pb.ListRestrictionsRequest)
_PageOut = TypeVar("_PageOut", pb.ListLockoutsResponse, pb.ListSessionsResponse, pb.ListRestrictionsResponse)


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach the service."""

    admin: str | None
    config: Path | None
    ca: Path | None
    cert: Path | None
    key: Path | None
    token_file: Path | None


class Client:
    """Calls of the admin service. A refusal is told on standard error and ends the command with 1."""

    def __init__(self, channel: grpc.Channel, address: str, metadata: list[tuple[str, str | bytes]]) -> None:
        self._channel = channel
        self._address = address
        self._metadata = metadata

    def kill(self, request: pb.KillRequest) -> pb.Done:
        """Restrict."""
        return self._call("Kill", request, pb.Done.FromString)

    def restore(self, request: pb.RestoreRequest) -> pb.Done:
        """Lift."""
        return self._call("Restore", request, pb.Done.FromString)

    def revoke(self, request: pb.RevokeRequest) -> pb.Done:
        """Refuse tokens."""
        return self._call("Revoke", request, pb.Done.FromString)

    def clear_lockouts(self, request: pb.ClearLockoutsRequest) -> pb.ClearLockoutsResponse:
        """Lift lock-outs."""
        return self._call("ClearLockouts", request, pb.ClearLockoutsResponse.FromString)

    def lockouts(self) -> Iterator[pb.Lockout]:
        """All lock-outs."""
        for page in self._pages("ListLockouts", pb.ListLockoutsRequest(), pb.ListLockoutsResponse.FromString):
            yield from page.lockouts

    def sessions(self, selector: pb.Selector | None) -> Iterator[pb.LiveSession]:
        """All live sessions of the selection."""
        request = pb.ListSessionsRequest(selector=selector)
        for page in self._pages("ListSessions", request, pb.ListSessionsResponse.FromString):
            yield from page.sessions

    def restrictions(self) -> Iterator[pb.Restriction | pb.Revocation]:
        """All restrictions and revocations that are in force."""
        request = pb.ListRestrictionsRequest()
        for page in self._pages("ListRestrictions", request, pb.ListRestrictionsResponse.FromString):
            yield from page.restrictions
            yield from page.revocations

    def _pages(self, method: str, request: _PagedIn, read_answer: Callable[[bytes], _PageOut]) -> Iterator[_PageOut]:
        """Yields the pages of a list, until the last one or `MAX_PAGES`."""
        for _ in range(MAX_PAGES):
            page = self._call(method, request, read_answer)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _call(self, method: str, request: _In, read_answer: Callable[[bytes], _Out]) -> _Out:
        call: grpc.UnaryUnaryMultiCallable[_In, _Out] = self._channel.unary_unary(
            f"/fixauthz.v1.Admin/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=read_answer,
        )
        try:
            return call(request, timeout=TIMEOUT_S, metadata=tuple(self._metadata))
        except grpc.RpcError as error:
            self._fail(error)

    def _fail(self, error: grpc.RpcError) -> NoReturn:
        code, text = error.code(), error.details() or ""
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED):
            raise ToolError(
                f"the admin service at `{self._address}` does not answer ({code.name.lower()}): is it running with"
                f" `admin` set, and are `--admin`, `--ca`, `--cert` and `--key` right?"
            ) from None
        say(f"refused: {text or code.name.lower()}", err=True)
        raise typer.Exit(1) from None


def as_data(message: Message) -> dict[str, object]:
    """The fields of a message for JSON, with those that have their default value."""
    data: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return data


@contextmanager
def connected(way: Way) -> Iterator[Client]:
    """A client of the service at the other end. Raises `ToolError` where the way is not well told."""
    address = _address(way)
    if address.startswith(UNIX):
        channel = grpc.insecure_channel(address)
        metadata: list[tuple[str, str | bytes]] = [("x-operator", _user())]
    else:
        channel, metadata = grpc.secure_channel(address, _credentials(way)), _token(way)
    try:
        yield Client(channel, address, metadata)
    finally:
        channel.close()


def _address(way: Way) -> str:
    found = way.admin or _configured(way.config)
    if found is None:
        raise ToolError(f"where is the admin service? (give `--admin unix:/path`, `--config`, or set `{ENVIRONMENT}`)")
    host, _, port = found.rpartition(":")
    if found.startswith(UNIX) and len(found) > len(UNIX):
        return found
    if not host or not port.isdigit():
        raise ToolError(f"`{found}` is no address (write `unix:/path` or `host:port`)")
    return found


def _configured(config: Path | None) -> str | None:
    """The address in the settings' section `admin`; the rest of the file is not looked at."""
    if config is None:
        return None
    try:
        data = read(config).data
        section = data.get("admin") if isinstance(data, dict) else None
        settings = AdminSettings.model_validate(section)
    except Faults as error:
        raise ToolError(str(error)) from None
    except ValidationError:
        raise ToolError(
            f"`{config}` has no `admin` that holds (set `admin.unix` or `admin.tcp`, or give `--admin`)"
        ) from None
    return f"{UNIX}{settings.unix.absolute()}" if settings.unix is not None else settings.tcp


def _credentials(way: Way) -> grpc.ChannelCredentials:
    if (way.cert is None) != (way.key is None):
        raise ToolError("`--cert` and `--key` belong together (give both)")
    if way.cert is None and way.token_file is None:
        raise ToolError("over TCP you must prove who you are (give `--cert` and `--key`, or `--token-file`)")
    return grpc.ssl_channel_credentials(
        root_certificates=_read(way.ca), private_key=_read(way.key), certificate_chain=_read(way.cert)
    )


def _token(way: Way) -> list[tuple[str, str | bytes]]:
    if way.token_file is None:
        return []
    content = _read(way.token_file) or b""
    token = content.decode("ascii", "replace").strip()
    if not token or len(content) > MAX_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ToolError(f"`{way.token_file}` holds no access token (put it there, and nothing else)")
    return [("authorization", f"Bearer {token}")]


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return files.read(path, files.MAX_PEM_BYTES)
    except OSError as error:
        raise ToolError(f"`{path}` cannot be read: {files.problem(error)}") from None


def _user() -> str:
    """The user's name, for the audit: who holds the account, not who the environment says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid-{os.getuid()}"
    return name if name.isascii() and name.isprintable() else f"uid-{os.getuid()}"
