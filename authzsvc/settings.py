"""What `serve` can be told: by a YAML (or JSON) file, by the environment, and by options, the later before the earlier.

In the environment a key is `AUTHZSVC_` and its path, joined by two underscores: `AUTHZSVC_LISTEN__TCP=127.0.0.1:9191`;
a list is written as JSON. Paths are relative to the working directory, wherever they stand.

Invariant: settings that do not hold never start a service; all their faults are told at once, each with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from authzsvc.audit import STANDARD_OUTPUT
from authzsvc.errors import Fault, Faults, SettingsFaults
from authzsvc.policy.source import Place, Source, key_path, read
from authzsvc.tokens.verifier import ASYMMETRIC

PREFIX = "AUTHZSVC_"
DELIMITER = "__"
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
SocketPath = Annotated[Path, AfterValidator(_fits_socket)]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Name], BeforeValidator(_as_list)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(_Section):
    """The server's certificate; with `client_ca` clients must show one too."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class Listen(_Section):
    """Where to listen: a unix socket, a TCP address, or both."""

    unix: SocketPath | None = None
    tcp: TcpAddress | None = None
    tls: Tls | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Listen:
        if self.unix is None and self.tcp is None:
            raise ValueError("nothing to listen on; set `unix`, `tcp` or both")
        if self.tls is not None and self.tcp is None:
            raise ValueError("`tls` is for `tcp`, which is not set")
        return self


class Jwks(_Section):
    """Where an issuer's public keys are, and how often they are read."""

    file: Path | None = None
    url: str | None = Field(default=None, pattern=r"^https?://[^/\s@]+(/\S*)?$")
    refresh_s: Seconds = 300.0
    timeout_s: Seconds = 5.0
    min_refresh_s: Seconds = 10.0

    @model_validator(mode="after")
    def _one_place(self) -> Jwks:
        if (self.file is None) == (self.url is None):
            raise ValueError("set either `file` or `url`")
        return self


class IssuerSettings(_Section):
    """An authorization server whose tokens are accepted."""

    issuer: Name
    audience: Annotated[Names, Field(min_length=1)]
    algorithms: Annotated[list[Algorithm], Field(min_length=1)]
    jwks: Jwks
    scope_claim: Name = "scope"
    leeway_s: float = Field(default=0.0, ge=0, le=300)


def _distinct(issuers: list[IssuerSettings]) -> list[IssuerSettings]:
    if len({entry.issuer for entry in issuers}) < len(issuers):
        raise ValueError("an issuer stands here twice")
    return issuers


class Tokens(_Section):
    """Which tokens are accepted, and how long a verified one is remembered."""

    issuers: Annotated[list[IssuerSettings], Field(min_length=1), AfterValidator(_distinct)]
    cache_size: int = Field(default=10_000, ge=1, le=10_000_000)
    cache_ttl_s: Seconds = 300.0


class Audit(_Section):
    """Where the audit goes: a file, or `-` for standard output."""

    path: Name = STANDARD_OUTPUT


class Log(_Section):
    """The service's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Metrics(_Section):
    """Where Prometheus may scrape: an address, plain HTTP."""

    tcp: TcpAddress | None = None


class Decisions(_Section):
    """How long an allowed decision may be kept by the proxy."""

    max_age_s: int = Field(default=60, ge=0, le=86_400)


class Admission(_Section):
    """Certificate names that the stock network filter may let in."""

    principals: Names = []


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
    reflection: bool = False
    drain_s: float = Field(default=5.0, ge=0, le=600)
    admission: Admission = Admission()


def load(path: Path | None, options: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings. `options` has the file's own shape and comes before all else. Raises `SettingsFaults`."""
    source = _read(path)
    given = dict(options or {})

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file_settings = InitSettingsSource(settings_cls, cast("dict[str, Any]", source.data))
            return init_settings, env_settings, file_settings

    try:
        environment = EnvSettingsSource(Layered)()
        return Layered(**given)
    except SettingsError as error:
        raise SettingsFaults([Fault("environment", 0, "", _sentence(str(error)), "lists are JSON")]) from None
    except ValidationError as error:
        faults = [_fault(found, source, environment, given) for found in error.errors(include_url=False)]
        raise SettingsFaults(faults) from None


def _read(path: Path | None) -> Source:
    if path is None:
        return Source("settings", {}, {})
    try:
        source = read(path)
    except Faults as error:
        raise SettingsFaults(list(error.faults)) from None
    if source.data is None:
        return Source(source.file, {}, source.lines)
    if not isinstance(source.data, dict):
        raise SettingsFaults([Fault(source.file, 1, "", "is not a mapping of keys to values")])
    return source


def _fault(found: Any, source: Source, environment: dict[str, Any], options: dict[str, Any]) -> Fault:  # noqa: ANN401
    """Say a pydantic error in our words, at the place where the value came from."""
    place: Place = found["loc"]
    text, hint = _words(found)
    if _stands_in(place, options):
        return Fault("options", 0, key_path(place), text, hint)
    if _stands_in(place, environment):
        name = PREFIX + DELIMITER.join(str(step).upper() for step in place)
        return Fault("environment", 0, name, text, hint)
    line = source.line(place) if source.lines else 0
    return Fault(source.file, line, key_path(place), text, hint)


def _stands_in(place: Place, data: Any) -> bool:  # noqa: ANN401
    """Whether the whole way to the value is in `data`."""
    for step in place:
        known = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        if not known:
            return False
        data = data[step]
    return True


def _words(found: Any) -> tuple[str, str]:  # noqa: ANN401
    if found["type"] == "missing":
        return "is missing", "set it"
    if found["type"] == "extra_forbidden":
        return "is not a setting", "see the README for the keys"
    message = _sentence(found["msg"].removeprefix("Value error, "))
    value = found["input"]
    return (f"`{value}`: {message}" if isinstance(value, str | int | float) else message), ""


def _sentence(text: str) -> str:
    return " ".join((text[:1].lower() + text[1:]).split())
