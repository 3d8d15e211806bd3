"""The message types of recorded days, by client, direction and FIX category, and how a mapping covers each of them.

`Inventory` counts messages in one pass. Direction is told afterwards, when the clients are known. Whether a mapping
covers a type is told by its rules; whether its messages pass is decided message by message, by `replay`.

Invariant: memory is bounded, whatever the logs hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from authzsvc.fix.categories import CATEGORIES, category_of
from authzsvc.fix.dictionary import VERSIONS, Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Policy
from authzsvc.policy.lookup import LOGON, SESSION_LEVEL
from authzsvc.workflow.recorded import Found, Heading, heading_and_fields
from authzsvc.workflow.replayed import Outcome, Report, Row, ordered, sums
from authzsvc.workflow.tables import Table

MAX_KINDS = 10_000
"""Kinds of messages (sender, target, MsgType) that are told apart."""
MAX_SHAPES = 1_000
"""Sets of tags that are told apart, in one kind of message."""
MANY = "…"
"""Stands for the MsgTypes of logs that have too many."""

_BEGIN_STRING = 8
_FIXT = "FIXT.1.1"
_NEWEST = VERSIONS[-1]
_ORDER = {category: place for place, category in enumerate(CATEGORIES)}


class Cover(StrEnum):
    """What a mapping says of a kind of message."""

    SESSION = "session level"
    """It needs no scope, as Heartbeat and Logon."""
    EXEMPT = "exempt"
    """`session.exempt` lists it: it passes without a scope."""
    UNNAMED = "passes unasked"
    """An outbound message that no rule names, and that passes without a scope."""
    COVERED = "covered"
    """Rules are about it, and all recorded messages pass."""
    PARTLY = "some denied"
    DENIED = "all denied"
    """Rules are about it, and none of the recorded messages passes."""
    NO_RULE = "no rule"
    """No scope grants such a message: all are denied."""


GAPS = frozenset((Cover.PARTLY, Cover.DENIED, Cover.NO_RULE))
"""What has to be looked at before a rollout."""


@dataclass(slots=True)
class Seen:
    """Recorded messages of one kind."""

    count: int = 0
    shapes: Counter[frozenset[int]] = field(default_factory=Counter)
    """Sets of tags → how many messages have just these."""

    def add(self, tags: frozenset[int]) -> None:
        """Counts a message; beyond `MAX_SHAPES` its tags count one by one."""
        self.count += 1
        if tags in self.shapes or len(self.shapes) < MAX_SHAPES:
            self.shapes[tags] += 1
        else:
            self.shapes.update(frozenset((tag,)) for tag in tags)

    @property
    def tags(self) -> dict[int, int]:
        """Tag → in how many messages it stands; sorted."""
        found = Counter[int]()
        for tags, count in self.shapes.items():
            found.update(dict.fromkeys(tags, count))
        return dict(sorted(found.items()))


@dataclass(slots=True)
class Inventory:
    """Counts recorded messages."""

    kinds: dict[Heading, Seen] = field(default_factory=dict)
    versions: Counter[str] = field(default_factory=Counter)
    """BeginString (8) → how many messages have it."""
    unreadable: int = 0
    unreadable_line: int = 0
    """The first of them."""

    def run(self, found: Iterable[Found]) -> None:
        """Counts the messages of a log; may be called again with more."""
        for _ in self.passing(found):
            pass

    def passing(self, found: Iterable[Found]) -> Iterator[Found]:
        """Counts the messages of a log and gives each of them on."""
        for line, raw in found:
            read = None if raw is None else heading_and_fields(raw)
            if read is None:
                self.unreadable += 1
                self.unreadable_line = self.unreadable_line or line
            else:
                self._count(*read)
            yield line, raw

    def _count(self, heading: Heading, fields: Fields) -> None:
        if heading not in self.kinds and len(self.kinds) >= MAX_KINDS:
            heading = heading._replace(msg_type=MANY)
        self.kinds.setdefault(heading, Seen()).add(frozenset(tag for tag, _ in fields.pairs))
        self.versions[(fields.first(_BEGIN_STRING) or b"").decode("ascii", "replace")] += 1

    @property
    def counts(self) -> dict[Heading, int]:
        """Kind of message → how many, in the order in which the kinds were first seen."""
        return {heading: seen.count for heading, seen in self.kinds.items()}

    @property
    def fix(self) -> str:
        """The FIX version of most messages; the newest for FIXT.1.1, whose application version is told elsewhere."""
        found = self.versions.most_common(1)
        version = found[0][0] if found else _FIXT
        return version if version in VERSIONS else _NEWEST


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of message of one client."""

    row: Row
    label: str
    """The message's name."""
    category: str
    count: int
    tags: Mapping[int, int]
    """Body tag → in how many messages it stands."""
    cover: Cover | None = None
    """None without a mapping."""
    denied: int = 0
    """Messages that the mapping denies, be it in shadow."""
    reason: str = ""
    """Why most of these are denied."""


def entries(inventory: Inventory, clients: frozenset[str], dictionary: Dictionary) -> tuple[list[Entry], int]:
    """Gives what each client sends and receives, in order, and the number of messages of sessions of no client."""
    found: dict[Row, Seen] = {}
    foreign = 0
    for heading, seen in inventory.kinds.items():
        row = _row(heading, clients)
        if row is None:
            foreign += seen.count
            continue
        whole = found.setdefault(row, Seen())
        whole.count += seen.count
        whole.shapes.update(seen.shapes)
    made = [_entry(row, seen, dictionary) for row, seen in found.items()]
    return sorted(made, key=lambda entry: _place(entry.row, entry.category)), foreign


def _row(heading: Heading, clients: frozenset[str]) -> Row | None:
    if heading.sender in clients:
        return Row(heading.sender, Direction.INBOUND, heading.msg_type)
    return Row(heading.target, Direction.OUTBOUND, heading.msg_type) if heading.target in clients else None


def _entry(row: Row, seen: Seen, dictionary: Dictionary) -> Entry:
    body = {tag: count for tag, count in seen.tags.items() if tag not in dictionary.envelope}
    return Entry(row, dictionary.message_name(row.msg_type), category_of(row.msg_type), seen.count, body)


def _place(row: Row, category: str) -> tuple[object, ...]:
    return row.comp_id, row.direction, _ORDER.get(category, len(_ORDER)), row.msg_type


def covered(found: Iterable[Entry], policy: Policy, report: Report) -> Iterator[Entry]:
    """Says of each entry how a mapping covers it. `report` is the replay of the same messages under the mapping."""
    reasons: dict[Row, str] = {}
    for change, seen in ordered(report):
        reasons.setdefault(change.row, seen.reason)
    for entry in found:
        outcomes = sums(report.counts.get(entry.row, {}), 1)
        denied = outcomes[Outcome.DENY] + outcomes[Outcome.SHADOW]
        yield replace(entry, cover=_cover(policy, entry, denied), denied=denied, reason=reasons.get(entry.row, ""))


def _cover(policy: Policy, entry: Entry, denied: int) -> Cover:
    row = entry.row
    if row.msg_type in SESSION_LEVEL or row.msg_type == LOGON:
        return Cover.SESSION if not denied else Cover.PARTLY if denied < entry.count else Cover.DENIED
    if (row.direction, row.msg_type) in policy.rules:
        return Cover.COVERED if not denied else Cover.PARTLY if denied < entry.count else Cover.DENIED
    if row.direction is Direction.OUTBOUND:
        return Cover.NO_RULE if denied else Cover.UNNAMED
    return Cover.EXEMPT if row.msg_type in policy.exempt else Cover.NO_RULE


def table(found: Iterable[Entry], dictionary: Dictionary, title: str, note: str) -> Table:
    """Gives the inventory as a table. A tag that not all messages of a kind have is marked with `?`."""
    found = list(found)
    asked = any(entry.cover is not None for entry in found)
    columns = ("Client", "Direction", "Category", "Message", "Type", "Count", *(("Mapping",) if asked else ()), "Tags")
    return Table(title, note, columns, tuple(_cells(entry, dictionary, asked=asked) for entry in found))


def _cells(entry: Entry, dictionary: Dictionary, *, asked: bool) -> tuple[str, ...]:
    row = entry.row
    what = (row.comp_id, str(row.direction), entry.category, entry.label, row.msg_type, str(entry.count))
    tags = " ".join(f"{tag}{'' if count == entry.count else '?'}" for tag, count in entry.tags.items())
    return (*what, *((_shown(entry),) if asked else ()), tags)


def _shown(entry: Entry) -> str:
    cover = str(entry.cover)
    return f"{cover} ({entry.denied} of {entry.count})" if entry.cover is Cover.PARTLY else cover


def as_document(found: Iterable[Entry], dictionary: Dictionary) -> list[dict[str, object]]:
    """Gives the inventory as programs read it."""
    return [_document(entry, dictionary) for entry in found]


def _document(entry: Entry, dictionary: Dictionary) -> dict[str, object]:
    row = entry.row
    asked: dict[str, object] = {}
    if entry.cover is not None:
        asked = {"mapping": str(entry.cover), "denied": entry.denied, "reason": entry.reason}
    return {
        "comp_id": row.comp_id,
        "direction": str(row.direction),
        "category": entry.category,
        "message": entry.label,
        "msg_type": row.msg_type,
        "count": entry.count,
        **asked,
        "tags": [
            {"tag": tag, "name": name if (name := dictionary.tag_name(tag)) != str(tag) else None, "messages": count}
            for tag, count in entry.tags.items()
        ],
    }
