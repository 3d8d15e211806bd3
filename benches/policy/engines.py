"""The engines, each used as its own documentation recommends, behind two steps: `prepare` and `decide`.

`prepare` brings a message and its session's scopes into the form that the engine takes; it is not timed. `decide` goes
from that form to allowed or not; this is what is timed. The policy is loaded and parsed once, before.

| engine | loaded once | prepared, not timed | timed |
|---|---|---|---|
| authzsvc | the mapping, compiled | the message's fields, split | `Policy.decide`: whole, with reason and scope |
| casbin | `FastEnforcer`, filed by message | fields as a dict, scopes as a set | `enforce` |
| cedarpy | `PolicySet`, and the session as `Entities` | the request, its context as JSON text | `is_authorized` |
| regopy | a bundle, built for its one entry point | the input, as a node of the interpreter | `set_input`, the query |

Where an engine can be used in more than one way, the fastest counts: casbin's conditions are a Python function and its
lines are filed by message, Cedar gets handles instead of text, Rego a bundle instead of a query to compile. Ours gives
the granting scope, or the reason and the missing scopes, each time; the others are asked for no more than yes or no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import casbin
import cedarpy
import orjson
import regopy

from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Question
from benches.policy.day import Message

HERE = Path(__file__).parent


class Engine(NamedTuple):
    """One engine with the policy loaded."""

    name: str
    prepare: Callable[[frozenset[str], Message], Any]
    decide: Callable[[Any], bool]


def engines() -> tuple[Engine, ...]:
    """All of them, ours first."""
    return authzsvc(), with_casbin(), with_cedarpy(), with_regopy()


def authzsvc() -> Engine:
    """The compiled mapping."""
    decide = compile_mapping(HERE / "mapping.yaml").decide

    def prepare(scopes: frozenset[str], message: Message) -> Question:
        return Question(Direction.INBOUND, message.msg_type, message.fields, scopes, {})

    return Engine("authzsvc", prepare, lambda question: decide(question).allowed)


def with_casbin() -> Engine:
    """casbin, with the lines of its policy filed by message."""
    by_message = [1]  # the place of `msg`, in requests and in lines alike
    enforcer = casbin.FastEnforcer(str(HERE / "model.conf"), str(HERE / "policy.csv"), cache_key_order=by_message)
    enforcer.add_function("meets", meets)
    enforce = enforcer.enforce

    def prepare(scopes: frozenset[str], message: Message) -> tuple[frozenset[str], str, Mapping[str, tuple[str, ...]]]:
        return scopes, message.msg_type, message.values

    return Engine("casbin", prepare, lambda request: bool(enforce(*request)))


def meets(fields: Mapping[str, tuple[str, ...]], when: str) -> bool:
    """Whether every condition of a line of `policy.csv` (`263=1;264=1`, or `*` for none) holds."""
    for tag, value in _conditions(when):
        found = fields.get(tag)
        if not found or any(each != value for each in found):
            return False
    return True


@cache
def _conditions(when: str) -> tuple[tuple[str, str], ...]:
    if when == "*":
        return ()
    return tuple((tag, value) for tag, _, value in (condition.partition("=") for condition in when.split(";")))


def with_cedarpy() -> Engine:
    """Cedar: policies parsed once, and each session's entities as well."""
    policies = cedarpy.PolicySet.from_str((HERE / "policy.cedar").read_text())

    @cache
    def session(scopes: frozenset[str]) -> cedarpy.Entities:
        parents = [{"type": "Scope", "id": scope} for scope in sorted(scopes)]
        here = {"uid": {"type": "Session", "id": "session"}, "attrs": {}, "parents": parents}
        there = [{"uid": parent, "attrs": {}, "parents": []} for parent in parents]
        return cedarpy.Entities.from_json_str(orjson.dumps([here, *there]).decode())

    def prepare(scopes: frozenset[str], message: Message) -> tuple[dict[str, object], cedarpy.Entities]:
        context = {f"t{tag}": values for tag, values in message.values.items()}
        request: dict[str, object] = {
            "principal": 'Session::"session"',
            "action": f'Action::"{message.msg_type}"',
            "resource": 'Venue::"venue"',
            "context": orjson.dumps(context).decode(),
        }
        return request, session(scopes)

    def decide(asked: tuple[dict[str, object], cedarpy.Entities]) -> bool:
        request, entities = asked
        return bool(cedarpy.is_authorized(request, policies, entities).allowed)

    return Engine("cedarpy", prepare, decide)


def with_regopy() -> Engine:
    """Rego: a bundle with the one entry point."""
    interpreter = regopy.Interpreter()
    interpreter.add_module("policy.rego", (HERE / "policy.rego").read_text())
    bundle = interpreter.build(None, ["fix/allow"])

    def prepare(scopes: frozenset[str], message: Message) -> regopy.Input:
        fields = {tag: list(values) for tag, values in message.values.items()}
        held = dict.fromkeys(sorted(scopes), True)
        return regopy.Input({"msg": message.msg_type, "scopes": held, "fields": fields})

    def decide(asked: regopy.Input) -> bool:
        interpreter.set_input(asked)
        return bool(interpreter.query_bundle_entrypoint(bundle, "fix/allow")[0].expressions == [True])

    return Engine("regopy", prepare, decide)
