"""The words that settings are made of: sections, times, addresses, paths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from authzsvc.tokens.verifier import ASYMMETRIC

LOOPBACK = "127.0.0.1"
MAX_UNIX_PATH = 107
"""Bytes in a socket's path that Linux takes."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


def _asymmetric(algorithm: str) -> str:
    if algorithm not in ASYMMETRIC:
        raise ValueError(f"not an algorithm with a public key; use one of {', '.join(sorted(ASYMMETRIC))}")
    return algorithm


def _host_and_port(address: str) -> str:
    """`host:port`, `[v6]:port` or `port`, the last on loopback; port 0 lets the system choose."""
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise ValueError("not an address; write `host:port`, for example `127.0.0.1:9191`")
    return f"{host or LOOPBACK}:{int(port)}"


def _fits_socket(path: Path) -> Path:
    if len(str(path.absolute()).encode()) > MAX_UNIX_PATH:
        raise ValueError(f"too long for a unix socket; use a path of at most {MAX_UNIX_PATH} bytes")
    return path


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Algorithm = Annotated[str, AfterValidator(_asymmetric)]
TcpAddress = Annotated[str, BeforeValidator(_as_text), AfterValidator(_host_and_port)]
Url = Annotated[str, Field(pattern=r"^https?://[^/\s@?#]+(/[^\s#]*)?$")]
SocketPath = Annotated[Path, AfterValidator(_fits_socket)]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Name], BeforeValidator(_as_list)]


class Section(BaseModel):
    """A part of the settings: frozen, and no key that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
