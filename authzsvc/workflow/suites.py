"""Test suites of a mapping: `*.test.yaml` files, as data.

A test says what a token holds, which message comes, and what must become of it. Suites are read like mappings: plain
YAML or JSON, every fault at once with its file and line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from authzsvc.errors import Fault, FieldsError, MappingFaults
from authzsvc.fix.dictionary import did_you_mean
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy import clock, source
from authzsvc.policy.question import CompIds
from authzsvc.policy.source import Source
from authzsvc.workflow import clients, typed

SUFFIXES = (".test.yaml", ".test.yml", ".test.json")
ID_NAMES = (
    "comp_id",
    "sub_id",
    "location_id",
    "on_behalf_of",
    "target_comp_id",
    "on_behalf_of_sub",
    "on_behalf_of_location",
)
"""The fields of `CompIds`."""

_Text = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value),
    StringConstraints(min_length=1, max_length=100_000),
]


def _path(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has a character that no path should have")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Defaults(_Part):
    """What holds for every test that does not say otherwise."""

    comp_id: _Text | None = None
    """The client's CompID, for rollout by sender and the session's identity."""
    sub_id: _Text | None = None
    location_id: _Text | None = None
    on_behalf_of: _Text | None = None
    target_comp_id: _Text | None = None
    on_behalf_of_sub: _Text | None = None
    on_behalf_of_location: _Text | None = None
    claims: dict[str, Any] = Field(default_factory=dict)
    direction: Direction | None = None
    now: Annotated[_Text, AfterValidator(typed.moment)] | None = None
    """The gateway's clock, in UTC, as `20260102-14:30:00`; without it, conditions on the clock are in doubt."""


class Spec(Defaults):
    """One message of one session, and what must become of it."""

    name: _Text
    scopes: list[_Text] = Field(default_factory=list)
    roles: list[_Text] = Field(default_factory=list)
    message: _Text
    """`tag=value` pairs with `35`, separated by `|` or SOH."""
    expect: Literal["allow", "deny"]
    scope: _Text | None = None
    """What must have granted it."""
    rule: _Text | None = None
    """The forbid that must have denied it."""
    reason: _Text | None = None
    """What the reason must contain."""
    shadow: bool | None = None
    """Whether it must have been let through by rollout alone."""


class _SuiteFile(_Part):
    mapping: Annotated[_Text, AfterValidator(_path)]
    description: str = ""
    defaults: Defaults = Field(default_factory=Defaults)
    tests: Annotated[list[Spec], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Case:
    """A test with its defaults filled in, its message read, and its place."""

    spec: Spec
    file: str
    line: int
    msg_type: str
    fields: Fields
    direction: Direction
    claims: Mapping[str, object]
    client: CompIds | None
    """The client's ids: the test's, else the message's own."""
    now: float | None = None
    """The gateway's clock, as Unix time."""

    @property
    def comp_id(self) -> str:
        """The client's CompID; empty where neither test nor message tells it."""
        return self.client.comp_id if self.client else ""

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the token; its roles as scopes, which name them as well as a claim does."""
        return frozenset(self.spec.scopes) | {f"role:{role}" for role in self.spec.roles}


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one file."""

    file: str
    mapping: Path
    cases: tuple[Case, ...]


def is_suite(path: Path) -> bool:
    """Whether a file's name says that it holds tests."""
    return path.name.endswith(SUFFIXES)


def find(path: Path) -> list[Path]:
    """Give the suite files of a path: a suite itself, all below a directory, or those of a mapping.

    Those of a mapping stand beside it, or anywhere below the directory of its name: `desk.yaml` and `desk/`.
    """
    if is_suite(path):
        return [path]
    places = path.rglob("*") if path.is_dir() else [*path.parent.glob("*"), *path.with_suffix("").rglob("*")]
    return sorted(found for found in places if is_suite(found) and not found.is_dir())


def read(path: Path) -> Suite:
    """Read a suite. Raises `MappingFaults` with every fault of it."""
    text = source.read(path)
    if not isinstance(text.data, dict):
        raise MappingFaults([text.fault((), "is no suite: it has no keys", "begin with `mapping: NAME.yaml`")])
    try:
        said = _SuiteFile.model_validate(text.data)
    except ValidationError as error:
        raise MappingFaults([_fault(text, details) for details in error.errors()]) from None
    faults = list(_twice(text, said.tests))
    cases = []
    for index, test in enumerate(said.tests):
        try:
            cases.append(_case(text, index, test, said.defaults))
        except FieldsError as error:
            faults.append(text.fault(("tests", index, "message"), str(error)))
    if faults:
        raise MappingFaults(sorted(faults, key=lambda fault: fault.line))
    return Suite(str(path), Path(os.path.normpath(path.parent / said.mapping)), tuple(cases))


def _case(text: Source, index: int, spec: Spec, defaults: Defaults) -> Case:
    msg_type, said = typed.read(spec.message)
    ids = {name: getattr(spec, name) or getattr(defaults, name) for name in ID_NAMES}
    direction = spec.direction or defaults.direction or Direction.INBOUND
    now = spec.now or defaults.now
    told = zip(clients.TAGS[direction], ids.values(), strict=True)
    missing = [(tag, id_.encode()) for tag, id_ in told if id_ is not None and said.first(tag) is None]
    fields = Fields((*missing, *said.pairs))
    return Case(
        spec=spec,
        file=text.file,
        line=text.line(("tests", index)),
        msg_type=msg_type,
        fields=fields,
        direction=direction,
        claims={**defaults.claims, **spec.claims},
        client=CompIds(**ids) if ids["comp_id"] else clients.client_of(fields, direction),
        now=None if now is None else clock.unix_time(now.encode()),
    )


def _twice(text: Source, tests: Iterable[Spec]) -> Iterable[Fault]:
    """Give a fault for each name that an earlier test has: a report could not tell them apart."""
    seen: set[str] = set()
    for index, test in enumerate(tests):
        if test.name in seen:
            yield text.fault(("tests", index, "name"), f"`{test.name}` is the name of an earlier test", "rename one")
        seen.add(test.name)


def _fault(text: Source, details: ErrorDetails) -> Fault:
    place = details["loc"]
    kind = details["type"]
    if kind == "extra_forbidden":
        models: dict[int, type[_Part]] = {1: _SuiteFile, 2: Defaults}
        model = models.get(len(place), Spec)
        near = did_you_mean(str(place[-1]), model.model_fields).removeprefix("; ")
        return text.fault(place, "is no key of a suite", near or f"known here: {', '.join(model.model_fields)}")
    if kind == "value_error":
        return text.fault(place, str(details["ctx"]["error"]))
    words = {"missing": "is missing", "string_type": "must be text", "too_short": "must not be empty"}
    said = details["msg"].replace("Input should be", "must be").replace("'", "`")
    return text.fault(place, words.get(kind) or said[:1].lower() + said[1:])
