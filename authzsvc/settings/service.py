"""All settings of the service, as models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from authzsvc.audit_log import STANDARD_OUTPUT
from authzsvc.contract.reading import MAX_MESSAGES
from authzsvc.decision import OnExpiry, SecondLogon
from authzsvc.settings.admin import AdminSettings
from authzsvc.settings.bounds import GrpcBounds, HttpBounds
from authzsvc.settings.tokens import Tokens
from authzsvc.settings.words import Name, Names, Seconds, Section, SocketPath, TcpAddress

PREFIX = "AUTHZSVC_"
DELIMITER = "__"


class Tls(Section):
    """The server's certificate; with `client_ca` clients must show one too."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class Listen(Section):
    """Where to listen: a unix socket, a TCP address, or both."""

    unix: SocketPath | None = None
    tcp: TcpAddress | None = None
    tls: Tls | None = None
    bounds: GrpcBounds = GrpcBounds()

    @model_validator(mode="after")
    def _somewhere(self) -> Listen:
        if self.unix is None and self.tcp is None:
            raise ValueError("nothing to listen on; set `unix`, `tcp` or both")
        if self.tls is not None and self.tcp is None:
            raise ValueError("`tls` is for `tcp`, which is not set")
        return self


class Sessions(Section):
    """How sessions stay and end."""

    on_expiry: OnExpiry = OnExpiry.LOGOUT
    warn_before_s: float = Field(default=300.0, ge=0, le=86_400)
    """Log ahead of a token's end."""
    second_logon: SecondLogon = SecondLogon.REFUSE
    watch_s: int = Field(default=50, ge=1, le=600)
    """How long a watch is held when nothing changes."""
    store: Path | None = Path("authzsvc-sessions.db")
    """What must survive a restart, as a SQLite file; None keeps it in memory alone."""


class GuessingSettings(Section):
    """How many failed Logons are borne before further ones are refused unheard."""

    attempts: int = Field(default=5, ge=1, le=10_000)
    """Of a CompID from one address."""
    address_attempts: int = Field(default=50, ge=1, le=1_000_000)
    comp_id_attempts: int = Field(default=50, ge=1, le=1_000_000)
    window_s: Seconds = 60.0
    lock_s: Seconds = 60.0


class Audit(Section):
    """Where the audit goes: a file, or `-` for standard output."""

    path: Name = STANDARD_OUTPUT


class Log(Section):
    """The service's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Metrics(Section):
    """Where Prometheus may scrape: an address, plain HTTP."""

    tcp: TcpAddress | None = None
    bounds: HttpBounds = HttpBounds()


class Decisions(Section):
    """How long an allowed decision may be kept by the proxy, and how many it may ask for at once."""

    max_age_s: int = Field(default=60, ge=0, le=86_400)
    stale_if_error_s: int = Field(default=0, ge=0, le=86_400)
    """For how much longer, while the service gives no answer."""
    batch: int = Field(default=64, ge=1, le=MAX_MESSAGES)
    """The most messages of a session and direction in one Check, where the proxy keeps no decisions; 1: one each."""


class Admission(Section):
    """Certificate names that the stock network filter may let in."""

    principals: Names = Field(default=[])


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True, env_ignore_empty=True
    )

    listen: Listen
    mapping: Path
    mapping_key: Path | None = None
    """A public key: with it, only a mapping that is signed with that key is accepted."""
    tokens: Tokens
    audit: Audit = Audit()
    log: Log = Log()
    metrics: Metrics = Metrics()
    decisions: Decisions = Decisions()
    sessions: Sessions = Sessions()
    guessing: GuessingSettings = GuessingSettings()
    admin: AdminSettings | None = None
    reflection: bool = False
    drain_s: float = Field(default=5.0, ge=0, le=600)
    admission: Admission = Admission()

    @model_validator(mode="after")
    def _serials_are_kept(self) -> Settings:
        if self.mapping_key is not None and self.sessions.store is None:
            raise ValueError(
                "`mapping_key` needs `sessions.store`, which keeps the last accepted serial; name a file there"
            )
        return self
