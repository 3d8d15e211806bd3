"""What can stand as a key or value in a mapping: the kinds of text of the language, as pydantic types."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from authzsvc.policy.scopes import ROLE_PREFIX, SCOPE_TOKEN, WILDCARD

NUMBER_SHAPE = r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?"
"""A decimal number as FIX writes it, in its one canonical way: no plus, no leading zeros, no exponent."""

_DAY = r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60))?"
ZONE_SHAPE = r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*"
"""The name of a time zone, as `America/New_York`."""

MOMENT_SHAPE = rf"(?:{_DAY}-)?{_TIME}(?: {ZONE_SHAPE})?"
"""`HH:MM[:SS]`, or `YYYYMMDD-HH:MM[:SS]`; in UTC unless a time zone stands behind."""

NO_SCOPE = "-"
"""Stands in the contract and in the audit where no scope is needed."""

NAME_SHAPE = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


def _as_text(value: object) -> object:
    """Take whole numbers for the text that they look like; leave all else to be refused."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_list(value: object) -> object:
    """Read one value as a list of it; leave all else to be refused."""
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _scope(value: str) -> str:
    if value.startswith(ROLE_PREFIX):
        raise ValueError(f"begins with `{ROLE_PREFIX}`, which in a token names a role")
    if WILDCARD in value.split(":"):
        raise ValueError(f"has a segment `{WILDCARD}`, which in a token is a wildcard")
    if value == NO_SCOPE:
        raise ValueError(f"is `{NO_SCOPE}`, which in the audit stands for no scope")
    return value


def _role(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("has a character that no name should have, or a blank at an end")
    return value


Word = Annotated[
    str, BeforeValidator(_as_text, json_schema_input_type=str | float), StringConstraints(min_length=1, max_length=256)
]
"""A name, a number or a raw value."""

Words = Annotated[list[Word], BeforeValidator(_as_list, json_schema_input_type=Word | list[Word]), Field(min_length=1)]
"""One or several."""

Number = Annotated[
    str,
    BeforeValidator(_as_text, json_schema_input_type=str | float),
    StringConstraints(pattern=rf"^{NUMBER_SHAPE}$"),
]
Moment = Annotated[str, StringConstraints(pattern=f"^{MOMENT_SHAPE}$")]
ZoneName = Annotated[str, StringConstraints(pattern=f"^{ZONE_SHAPE}$", max_length=100)]
"""A time zone of the IANA time zone database."""

Name = Annotated[str, StringConstraints(pattern=f"^{NAME_SHAPE}$", max_length=100)]
"""What a list or a forbidding rule is called."""

AttributeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$", max_length=100)]
"""What an attribute is called: `asset_class`, so that nobody takes it for a tag."""

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Description = Annotated[str, StringConstraints(max_length=2000)]

ScopeName = Annotated[
    str, StringConstraints(pattern=rf"^{SCOPE_TOKEN.pattern}$", max_length=200), AfterValidator(_scope)
]
"""`resource:action[:qualifier…]`, or any other scope-token of RFC 6749."""

RoleName = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_role)]
"""What an authorization server calls a role or a group: any text."""
