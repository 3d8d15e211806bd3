from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from authzsvc.sessions.facts import SessionFacts
from authzsvc.sessions.registry import Registry
from tests.unit.sessions.building import key, session

IDS = st.sampled_from(["1", "2", "3", "4"])
SENDERS = st.sampled_from(["A", "B", "C"])


class AgainstAList(RuleBasedStateMachine):
    """A plain list of sessions, gone through for each question, does the same."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.live: list[SessionFacts] = []

    @rule(name=IDS, sender=SENDERS)
    def open(self, name: str, sender: str) -> None:
        facts = session(name, sender)
        same = [one for one in self.live if one.id == name or one.key == facts.key]
        displaced = self.registry.open(facts)
        assert (displaced is None) == (not same)
        assert displaced is None or displaced in same
        self.live = [one for one in self.live if one not in same] + [facts]

    @rule(name=IDS)
    def close(self, name: str) -> None:
        gone = [one for one in self.live if one.id == name]
        assert self.registry.close(name) == (gone[0] if gone else None)
        self.live = [one for one in self.live if one.id != name]

    @rule(name=IDS, roles=st.frozensets(st.sampled_from("xy")))
    def update(self, name: str, roles: frozenset[str]) -> None:
        known = self.registry.find(name)
        facts = replace(known or session(name), roles=roles)
        assert self.registry.update(name, facts) == (known is not None)
        self.live = [facts if one.id == name else one for one in self.live]

    @invariant()
    def the_same(self) -> None:
        assert sorted(self.registry, key=lambda one: one.id) == sorted(self.live, key=lambda one: one.id)
        assert len(self.registry) == len(self.live)
        for sender in "ABC":
            of = [one for one in self.live if one.key == key(sender)]
            assert self.registry.of(key(sender)) == (of[0] if of else None)


TestAgainstAList = AgainstAList.TestCase


def test_a_session_keeps_its_id_and_key() -> None:
    registry = Registry()
    registry.open(session("1"))
    with pytest.raises(ValueError, match="never change"):
        registry.update("1", session("1", "OTHER"))


def test_sessions_may_end_while_they_are_gone_through() -> None:
    registry = Registry()
    for number in range(10):
        registry.open(session(str(number), f"S{number}"))
    for one in registry:
        registry.close(one.id)
    assert len(registry) == 0
