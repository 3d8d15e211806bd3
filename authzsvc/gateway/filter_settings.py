"""What the FIX filter can be told: the `filter_config` of the Envoy configuration, as checked models with defaults.

The filter itself knows the same defaults and bounds (`envoy/core/src/settings`); they are printed in full so that a
configuration shows every limit in force.
A key that does not exist, or a value out of bounds, is refused here, before Envoy sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from authzsvc import files
from authzsvc.errors import Fault, SettingsFaults

Tag = Annotated[int, Field(ge=1, le=999_999)]
Text = Annotated[str, Field(min_length=1, pattern=r"^[\x21-\x7e]+$")]
UserDefined = Annotated[str, Field(pattern=r"^U[0-9A-Za-z]{0,7}$")]
"""A MsgType (35) of the counterparties' own."""

SECRETS = frozenset({90, 91, 95, 96, 554, 925, 1401, 1402, 1403, 1404})
"""Tags that never leave the filter but upstream, whatever the settings (`envoy/core/src/tags.rs`)."""


class Settings(BaseModel):
    """A part of the settings: frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Check(Settings):
    """The question to the decision service."""

    cluster: Text = "authz"
    """The Envoy cluster that answers."""
    authority: Text = "authzsvc"
    """`:authority` of the request."""
    timeout_ms: int = Field(default=500, ge=1, le=60_000)
    """An answer that takes longer is a denial (380=4)."""
    logon_timeout_ms: int = Field(default=8_000, ge=1, le=60_000)
    """The same for a Logon and a renewal, about which an authorization server may have to be asked."""


class Token(Settings):
    """Where a Logon carries the access token."""

    tags: list[Tag] = Field(default=[554, 96], min_length=1)
    """Looked at in this order."""
    strip: bool = True
    """Cut the token out of the Logon that goes upstream. Off where the venue checks a signature over the Logon: then it
    goes upstream as it is, with all its secrets."""
    scheme: Literal["bearer", "basic"] = "bearer"
    """What stands there: an access token, or a client's secret with its id beside it (RFC 6749 2.3.1)."""
    username_tag: Tag = 553
    """With `basic`: where the client's id stands."""

    @model_validator(mode="after")
    def _username_is_no_secret(self) -> Self:
        if self.scheme == "basic" and (self.username_tag in SECRETS or self.username_tag in self.tags):
            raise ValueError(f"`username_tag` is {self.username_tag}, which is a secret")
        return self


class Secrets(Settings):
    """Whether the filter cuts, refuses or passes secret fields in messages to the venue (`docs/tokens.md`)."""

    in_logon: Literal["cut", "refuse", "pass"] = "cut"
    """For secret fields of the Logon besides the credential. `cut`: they are cut, and so is a Username (553) that is
    not the client's. `refuse`: the Logon is refused. `pass`: they are the venue's own credentials and pass, unless they
    repeat the token."""
    in_messages: Literal["refuse", "cut"] = "refuse"
    """For secret fields of later messages. `refuse`: the message is denied. `cut`: they are cut from it."""


class Refusal(Settings):
    """How a Logon is refused."""

    keep_numbers: bool = True
    """Without a Logout, unless the Logon begins the numbers anew (141=Y): most engines count a Logout, though the venue
    sent none."""


class Rejects(Settings):
    """Where rejects are remembered, beside the memory of Envoy."""

    journal_directory: Annotated[str, Field(pattern=r"^/")] | None = None
    """A directory in which rejects that have not reached their clients outlive a kill of Envoy. It is made if it is not
    there; each listener needs one of its own."""


class Outbound(Settings):
    """What becomes of the venue's messages that the service could not decide."""

    undecided: Literal["end", "gap_fill"] = "end"
    """After `limits.outbound_hold_ms`. `end`: the session ends before the message, and the client asks for it after its
    next Logon. `gap_fill`: a GapFill takes its place, and nobody ever sees it."""


class CustomRenewal(Settings):
    """User-defined types in the place of UserRequest (35=BE) and UserResponse (35=BF), with their fields."""

    request: UserDefined
    response: UserDefined

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.request == self.response:
            raise ValueError("`response` is the same as `request`")
        return self


class Renewal(Settings):
    """A fresh credential in a running session; the gateway answers the request that brings it."""

    user_request: bool = True
    """UserRequest (35=BE) brings one, from FIX 4.4 on; off: it is a message like others."""
    tags: list[Tag] = []
    """Looked at in this order; none: 925, then those of the Logon."""
    custom: CustomRenewal | None = None
    """For versions that have no UserRequest."""


class Cache(Settings):
    """Decisions that a session keeps, for as long as the service says that they hold."""

    enabled: bool = True
    """Off: one Check for each message."""
    max_entries: int = Field(default=1_024, ge=16, le=65_536)
    """Of a session; beyond it the sixteenth longest unused goes."""
    max_entry_bytes: int = Field(default=512, ge=16, le=65_536)
    """The type and the fields that a decision rests on; a longer one is not kept."""


class Accounting(Settings):
    """The accounts of messages that kept decisions let through, told by Envoy's access log."""

    enabled: bool = True
    interval_ms: int = Field(default=5_000, ge=10, le=600_000)
    """Told at most so often, when they changed, and at the end of the connection."""


class Limits(Settings):
    """What one connection may use, and what a session may send."""

    messages_per_s: int = Field(default=0, ge=0, le=1_000_000)
    """Of the client's that need a decision; 0, here and in the next three: no limit."""
    messages_per_day: int = Field(default=0, ge=0, le=2_000_000_000)
    """The same, of a UTC day and all connections of a FIX session."""
    denials_per_minute: int = Field(default=0, ge=0, le=10_000)
    """With so many the session is ended."""
    pending_connections_per_address: int = Field(default=0, ge=0, le=65_536)
    """Those whose Logon is not authorized yet."""
    logon_timeout_ms: int = Field(default=10_000, ge=10, le=600_000)
    max_message_bytes: int = Field(default=65_536, ge=64, le=8_388_608)
    max_fields: int = Field(default=2_048, ge=8, le=65_536)
    max_checks_in_flight: int = Field(default=256, ge=1, le=65_536)
    max_checks_in_flight_per_client: int = Field(default=256, ge=0, le=65_536)
    """Messages of a client, in all its sessions, that may wait for an answer. Each 256 bytes begun of a message count
    as one. 0: no limit."""
    denied_or_replayed_per_s: int = Field(default=200, ge=0, le=1_000_000)
    """Denied and replayed messages a second of a client, in all its sessions, counted in the same way. Further messages
    wait in the client's socket. 0: no limit."""
    denied_or_replayed_at_once: int = Field(default=10_000, ge=1, le=1_000_000)
    """How many denied and replayed messages may come at once."""
    max_queued_bytes: int = Field(default=1_048_576, ge=1_024, le=268_435_456)
    outbound_hold_ms: int = Field(default=10_000, ge=0, le=600_000)
    """How long messages of the venue's are held that the service could not decide."""
    max_pending_rejects: int = Field(default=1_024, ge=1, le=65_536)
    reject_timeout_ms: int = Field(default=300_000, ge=10, le=86_400_000)
    violations_per_minute: int = Field(default=60, ge=1, le=10_000)
    remembered_rejects: int = Field(default=1_024, ge=0, le=4_096)
    remembered_sessions: int = Field(default=4_096, ge=1, le=1_048_576)
    remembered_bytes: int = Field(default=67_108_864, ge=65_536, le=1_073_741_824)
    remembered_ms: int = Field(default=3_600_000, ge=1_000, le=604_800_000)
    logout_timeout_ms: int = Field(default=2_000, ge=10, le=60_000)
    """From a Logout that ends a session to the close, and from the end of one side (FIN) to the close."""
    end_timeout_ms: int = Field(default=60_000, ge=10, le=600_000)
    silent_heartbeats: int = Field(default=4, ge=0, le=1_000)
    """So many times HeartBtInt (108) a client may be silent before its session ends. 0: no limit."""


class Framing(Settings):
    """How the frame and the tags of a message may be written (`docs/strict-profile.md`)."""

    padded_body_length: bool = False
    """BodyLength (9) may have leading zeros, within its seven digits."""
    max_tag: int = Field(default=999_999, ge=1_000, le=999_999)
    """The highest tag that a message may have. Set 65535 for venues whose engine keeps only the lower 16 bits of a
    tag."""
    empty_values: bool = False
    """Fields may have no value, but for those that the filter acts on. Engines differ in whether such a field is
    there."""
    separators_in_data: bool = False
    """Data fields may hold separators, and end where their length says. Engines that do not count read other fields
    there."""


class Terms(Settings):
    """For how long messages pass without a Check while no decision service can be reached."""

    max_unconfirmed_s: int = Field(default=0, ge=0, le=86_400)
    """Seconds after which the filter asks about these messages, so that they are denied until a service answers. The
    session level always passes. 0: no limit."""


class Drain(Settings):
    """The end of sessions when the gateway goes down, or their listener."""

    listener: Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")] = ""
    """The listener's name, which Envoy tells no filter; empty: only the gateway's end is heard of."""
    spread_ms: int = Field(default=10_000, ge=0, le=86_400_000)
    """When Envoy begins to drain, sessions begin to end at random moments within so long."""
    wait_ms: int = Field(default=60_000, ge=0, le=86_400_000)
    """So long a session waits for a message whose place a Logout may take; then it is disconnected."""
    stop_ms: int = Field(default=5_000, ge=0, le=600_000)
    """The same when Envoy is told to stop, which waits for it."""


class DataFields(Settings):
    """Data fields beside the standard ones."""

    pairs: list[tuple[Tag, Tag]] = []
    """(length tag, data tag)."""
    without_length: list[Tag] = []
    """Standard data tags that counterparties send with no length field before them."""

    @field_validator("pairs", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        """YAML and JSON have lists where a pair is meant."""
        return [tuple(pair) if isinstance(pair, list) else pair for pair in value] if isinstance(value, list) else value


class FilterSettings(Settings):
    """All of it. `tag_headers`: body tags sent as `x-fix-tag-N` too; `context`: goes into `context_extensions`."""

    check: Check = Check()
    token: Token = Token()
    secrets: Secrets = Secrets()
    refusal: Refusal = Refusal()
    rejects: Rejects = Rejects()
    outbound: Outbound = Outbound()
    renewal: Renewal = Renewal()
    cache: Cache = Cache()
    terms: Terms = Terms()
    accounting: Accounting = Accounting()
    limits: Limits = Limits()
    framing: Framing = Framing()
    drain: Drain = Drain()
    data_fields: DataFields = DataFields()
    tag_headers: list[Tag] = []
    context: dict[str, str] = {}

    @property
    def keeps_accounts(self) -> bool:
        """Whether there is something to account for, and somebody is to be told."""
        return self.cache.enabled and self.accounting.enabled

    def as_struct(self) -> dict[str, Any]:
        """The `google.protobuf.Struct` for Envoy, as plain data."""
        return self.model_dump(mode="json")


_MAX_BYTES = 1_000_000


def load(file: Path | None, overrides: Iterable[str] = ()) -> FilterSettings:
    """Settings from a YAML or JSON file and `key.path=value` overrides (values are YAML); `SettingsFaults`."""
    source = str(file) if file else "--set"
    data = _read(file) if file else {}
    faults = [fault for fault in (_override(data, override) for override in overrides) if fault]
    try:
        settings = FilterSettings.model_validate(data)
    except ValidationError as error:
        faults += [_fault(source, detail) for detail in error.errors(include_url=False, include_context=False)]
    if faults:
        raise SettingsFaults(faults)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(files.read(file, _MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise SettingsFaults([Fault(str(file), 0, "", f"cannot be read: {files.problem(error)}")]) from None
    except UnicodeDecodeError:
        raise SettingsFaults([Fault(str(file), 0, "", "is not UTF-8")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SettingsFaults([Fault(str(file), mark.line + 1 if mark else 0, "", "is no YAML or JSON")]) from error
    if not isinstance(data, Mapping):
        raise SettingsFaults([Fault(str(file), 0, "", "has no keys at its top", "write check:, token:, limits: …")])
    return dict(data)


def _override(data: dict[str, Any], override: str) -> Fault | None:
    """Puts one `key.path=value` into `data`, or says what is wrong with it."""
    path, equals, text = override.partition("=")
    if not equals:
        return Fault("--set", 0, path, "has no value", "write KEY.PATH=VALUE")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return Fault("--set", 0, path, f"has the value `{text}`, which is no YAML")
    *parents, last = path.split(".")
    place = data
    for key in parents:
        inner = place.get(key)
        place[key] = dict(inner) if isinstance(inner, Mapping) else {}
        place = place[key]
    place[last] = value
    return None


def _fault(source: str, detail: Mapping[str, Any]) -> Fault:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return Fault(source, 0, key, "is no setting of the filter")
    return Fault(source, 0, key, f"has the value `{detail['input']}`: {detail['msg'].lower()}")
