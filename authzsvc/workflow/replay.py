"""A recorded day decided anew: what a mapping would have said of it, and where another would have said otherwise.

Most messages of a day are alike in all that a session's decision rests on, so a decision is made once for each
(session, direction, type, what counts of the body) and then counted. The engine promises that messages alike in the
`vary` tags get the same verdict. Whether a message passes rests on less: on the grants that the session holds and the
forbids that it does not lift, and of a value on nothing but which of their conditions it meets (groups aside, whose
values are taken as they are). So values are first put into classes, and messages alike in these are decided once. The
gateway's clock is taken to have shown the message's SendingTime (52).

Invariants: a verdict is the engine's on that message; a message that the gateway would not read is counted as
unreadable and not decided; memory is bounded, whatever the log holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from authzsvc.errors import FieldsError
from authzsvc.fix import plain_forms
from authzsvc.fix.data_fields import DATA_OF_LENGTH
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import SOH, Fields
from authzsvc.policy import clock
from authzsvc.policy.conditions import AnyCondition, Condition
from authzsvc.policy.engine import Policy
from authzsvc.policy.granted import RuleSet
from authzsvc.policy.question import CompIds, Question, Verdict
from authzsvc.policy.rules import Rule
from authzsvc.policy.truth import Truth
from authzsvc.workflow import clients
from authzsvc.workflow.recorded import Found
from authzsvc.workflow.replayed import Change, Outcome, Report, Row, Seen
from authzsvc.workflow.sessions import Held

MAX_REMEMBERED = 100_000
"""Messages not alike whose verdicts are remembered at a time."""
MAX_ROWS = 10_000
MAX_DIFFERENCES = 1_000
_MANY = "…"
"""Stands for the MsgTypes of a log that has too many."""

_BEGIN = b"8="
_STRICT = re.compile(rb"(?:[1-9][0-9]{0,5}+=[^\x01]++\x01)*+\Z")
_LENGTHS = frozenset(b"%d" % tag for tag in DATA_OF_LENGTH)
_ID_TAGS = {direction: tuple(b"%d" % tag for tag in tags[1:]) for direction, tags in clients.TAGS.items()}
"""The client's ids besides its CompID."""
_SENDING_TIME = b"52"
_MSG_TYPE = re.compile(rb"[A-Za-z0-9]{1,16}")


_Class = tuple[bytes, tuple[Truth, ...]]
_Key = tuple[bytes | _Class, ...]


@dataclass(slots=True)
class _Tally:
    """Messages that are alike."""

    line: int
    """The first of them."""
    row: Row
    before: Outcome
    after: Outcome
    rule: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class _Kind:
    """Messages of one type between two parties: whose they are, and what of them counts."""

    row: Row
    begin_string: str
    held: Held
    looked_at: frozenset[bytes]
    """Tags: those that count, and the length fields, which need a closer look."""
    decided_on: frozenset[bytes]
    """Tags that a decision and its reason are made of."""
    conditions: Mapping[bytes, list[Condition]]
    """Tag → all that counts of it, where that is conditions on single values."""
    classes: dict[bytes, _Class] = field(default_factory=dict)
    """`tag=value` → what it meets; fields of other tags stand for themselves."""
    tallies: dict[_Key, _Tally] = field(default_factory=dict)


@dataclass(slots=True)
class Replay:
    """Decides messages under a candidate and a baseline; without a baseline, against all of them having passed."""

    candidate: Policy
    baseline: Policy | None
    sessions: Mapping[str, Held]
    """What each client holds, by its CompID."""
    default: Held = field(default_factory=Held)
    clients: frozenset[str] = frozenset()
    """CompIDs of clients that hold the default."""
    report: Report = field(default_factory=Report)
    _kinds: dict[tuple[bytes, ...], _Kind | None] = field(default_factory=dict)
    """By BeginString, SenderCompID, TargetCompID and MsgType."""
    _remembered: int = 0

    def run(self, found: Iterable[Found]) -> Report:
        """Decide all messages; may be called again with more."""
        for line, raw in found:
            if raw is None or not self._take(line, raw):
                self.report.unreadable += 1
                self.report.unreadable_line = self.report.unreadable_line or line
        self._fold()
        return self.report

    def _take(self, line: int, raw: bytes) -> bool:
        """Decide one message, or count it with those that it is like; False where it cannot be read."""
        if _STRICT.match(raw) is None:
            return False
        begin_string = raw[len(_BEGIN) : raw.find(SOH)] if raw.startswith(_BEGIN) else b""
        parties = begin_string, _value(raw, b"\x0149="), _value(raw, b"\x0156="), _value(raw, b"\x0135=")
        kind = self._kinds[parties] if parties in self._kinds else self._new_kind(*parties)
        if kind is None:
            readable = all(parties[1:]) and _MSG_TYPE.fullmatch(parties[3]) is not None
            self.report.foreign += readable
            return readable
        looked_at, class_of = kind.looked_at, kind.classes.get
        key = tuple([class_of(pair, pair) for pair in raw.split(SOH) if pair.partition(b"=")[0] in looked_at])
        tally = kind.tallies.get(key)
        if tally is None:
            return self._look(line, raw, kind, key)
        tally.count += 1
        return True

    def _look(self, line: int, raw: bytes, kind: _Kind, key: _Key) -> bool:
        """Decide a message that is like none before, or has data, which may hide what only seems to be a field."""
        if not _LENGTHS.isdisjoint(part.partition(b"=")[0] for part in key if isinstance(part, bytes)):
            try:
                Fields.parse(raw)
            except FieldsError:
                return False
            self._add(self._decide(line, raw, kind))
            return True
        key = tuple(self._classed(kind, part) if isinstance(part, bytes) else part for part in key)
        tally = kind.tallies.get(key)
        if tally is not None:
            tally.count += 1
        else:
            kind.tallies[key] = self._decide(line, raw, kind)
            self._remembered += 1
        if self._remembered >= MAX_REMEMBERED:
            self._fold()
        return True

    def _classed(self, kind: _Kind, pair: bytes) -> bytes | _Class:
        """Give a field's class, and remember it; the field itself where its tag has none."""
        tag, _, value = pair.partition(b"=")
        conditions = kind.conditions.get(tag)
        if conditions is None:
            return pair
        alone = Fields(((clock.TAG if tag == _SENDING_TIME else int(tag), value),))
        found = tag, tuple(condition.truth(alone, kind.held.claims) for condition in conditions)
        kind.classes[pair] = found
        self._remembered += 1
        return found

    def _decide(self, line: int, raw: bytes, kind: _Kind) -> _Tally:
        row, parts = kind.row, (pair.partition(b"=") for pair in raw.split(SOH))
        fields = Fields(tuple((int(tag), value) for tag, _, value in parts if tag in kind.decided_on))
        question = Question(
            row.direction,
            row.msg_type,
            fields,
            kind.held.scopes,
            kind.held.claims,
            row.comp_id,
            _sent(fields),
            kind.begin_string,
        )
        ids = (fields.first(int(tag)) for tag in _ID_TAGS[row.direction])
        client = CompIds(row.comp_id, *(None if value is None else value.decode("utf-8", "replace") for value in ids))
        after = clients.decide(self.candidate, question, client)
        before = None if self.baseline is None else clients.decide(self.baseline, question, client)
        both = _outcome(before), _outcome(after)
        if both[0] is both[1]:
            return _Tally(line, row, *both, "", "")
        denial = before if before is not None and both[1] is Outcome.ALLOW else after
        return _Tally(line, row, *both, denial.forbid or ", ".join(denial.missing_scopes), denial.reason)

    def _new_kind(self, begin_string: bytes, sender: bytes, target: bytes, msg_type: bytes) -> _Kind | None:
        """Find whose message it is; None where a part is missing or neither party is a client."""
        kind = None
        if sender and target and _MSG_TYPE.fullmatch(msg_type):
            parts = (begin_string, sender, target, msg_type)
            kind = self._kind(*(part.decode("utf-8", "replace") for part in parts))
        if len(self._kinds) >= MAX_REMEMBERED:
            self._fold()
        self._kinds[begin_string, sender, target, msg_type] = kind
        return kind

    def _kind(self, begin_string: str, sender: str, target: str, msg_type: str) -> _Kind | None:
        known = [comp_id in self.sessions or comp_id in self.clients for comp_id in (sender, target)]
        if not any(known):
            return None
        direction = Direction.INBOUND if known[0] else Direction.OUTBOUND
        comp_id = sender if known[0] else target
        held = self.sessions.get(comp_id, self.default)
        ids = _ID_TAGS[direction] if any(policy.identity.keys() - {"comp_id"} for policy in self._policies) else ()
        counting: list[AnyCondition] = []
        all_tags = set(ids)
        for policy in self._policies:
            rules = policy.rules.get((direction, msg_type))
            if rules is not None:
                counting += _counting(policy, rules, held)
                all_tags.update(map(_wire, rules.vary), [_SENDING_TIME] if rules.clocks else [])
        row, conditions = Row(comp_id, direction, msg_type), _of_single_values(counting)
        looked_at = _LENGTHS.union(ids, (_wire(tag) for condition in counting for tag in condition.consulted))
        return _Kind(row, begin_string, held, looked_at, frozenset(all_tags), conditions)

    @property
    def _policies(self) -> tuple[Policy, ...]:
        return (self.candidate,) if self.baseline is None else (self.candidate, self.baseline)

    def _fold(self) -> None:
        """Put into the report what was counted so far, and forget the verdicts."""
        for kind in self._kinds.values():
            for tally in kind.tallies.values() if kind else ():
                self._add(tally)
        self._kinds.clear()
        self._remembered = 0

    def _add(self, tally: _Tally) -> None:
        report, row = self.report, tally.row
        if row not in report.counts and len(report.counts) >= MAX_ROWS:
            row = Row(row.comp_id, row.direction, _MANY)
        outcomes = report.counts.setdefault(row, {})
        both = tally.before, tally.after
        outcomes[both] = outcomes.get(both, 0) + tally.count
        if tally.before is tally.after:
            return
        change = Change(row, *both, tally.rule)
        seen = report.changes.get(change)
        if seen is not None:
            seen.count += tally.count
            if tally.line < seen.line:
                seen.line, seen.reason = tally.line, tally.reason
        elif len(report.changes) < MAX_DIFFERENCES:
            report.changes[change] = Seen(tally.count, tally.line, tally.reason)
        else:
            report.unlisted += tally.count


def _value(raw: bytes, start: bytes) -> bytes:
    """Give the first value of a tag that stands after another field; empty where there is none."""
    at = raw.find(start)
    return b"" if at < 0 else raw[at + 4 : raw.find(SOH, at + 4)]


def _counting(policy: Policy, rules: RuleSet, held: Held) -> Iterator[AnyCondition]:
    """Give what it rests on whether a message passes: grants not held count only where scopes have modes."""
    granted = policy.expand(held.scopes, held.claims)
    grants: list[Rule] = [grant for grant in rules.grants if grant.scope in granted.scopes or policy.has_scope_modes]
    forbids: list[Rule] = [forbid for forbid in rules.forbids if not granted.lifting(forbid)]
    for rule in (*grants, *forbids):
        yield from rule.conditions


def _of_single_values(counting: Iterable[AnyCondition]) -> dict[bytes, list[Condition]]:
    """File conditions under their tags; without the tags that any of them sees as part of a group."""
    found: dict[int, list[Condition]] = {}
    grouped: set[int] = set()
    for condition in counting:
        if isinstance(condition, Condition) and condition.consulted == {condition.tag}:
            found.setdefault(condition.tag, []).append(condition)
        else:
            grouped |= condition.consulted
    alone = {tag: conditions for tag, conditions in found.items() if tag not in grouped | DATA_OF_LENGTH.keys()}
    return {_wire(tag): conditions for tag, conditions in alone.items()}


def _wire(tag: int) -> bytes:
    """Give the tag under which a recorded message has what a condition asks for: the clock is its SendingTime (52)."""
    return _SENDING_TIME if tag == clock.TAG else b"%d" % tag


def _sent(fields: Fields) -> float | None:
    """Give the time at which a message was sent; None where it is not told, or in doubt."""
    sent = plain_forms.timestamp(fields.first(int(_SENDING_TIME)) or b"")
    return None if sent is None else clock.unix_time(sent)


def _outcome(verdict: Verdict | None) -> Outcome:
    """Give what a verdict does; what was recorded had passed."""
    if verdict is None:
        return Outcome.ALLOW
    return Outcome.SHADOW if verdict.shadow else Outcome.ALLOW if verdict.allowed else Outcome.DENY
