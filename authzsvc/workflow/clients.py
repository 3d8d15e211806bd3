"""Decides what the service decides before any rule: whether the token names the client, and about a Logon."""

from __future__ import annotations

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Policy
from authzsvc.policy.lookup import LOGON
from authzsvc.policy.question import CompIds, Question, Verdict

TAGS = {Direction.INBOUND: (49, 50, 142, 115, 56, 116, 144), Direction.OUTBOUND: (56, 57, 143, 128, 49, 129, 145)}
"""The tags of the fields of `CompIds`, in their order."""

_LOGON = Verdict(True, None, (), "a Logon needs no scope: the token and the client's identity decide", ())


def client_of(fields: Fields, direction: Direction) -> CompIds | None:
    """Give the client's ids as a message has them; None for a message, or a part of one, that names no client."""
    comp_id, *others = (_text(fields.first(tag)) for tag in TAGS[direction])
    return None if comp_id is None else CompIds(comp_id, *others)


def refusal(policy: Policy, question: Question, client: CompIds | None) -> Verdict | None:
    """Give the denial of a client that is not whom its token names; only where ids and claims are both told."""
    told = any(claim in question.claims for claim in policy.identity.values())
    misnamed = policy.identify(client, question.claims) if client is not None and told else None
    return None if misnamed is None else Verdict(False, None, (), misnamed.reason, ())


def beforehand(policy: Policy, question: Question, client: CompIds | None) -> Verdict | None:
    """Give the verdict for a refused client or for a Logon, which need no rule; None for any other message."""
    refused = refusal(policy, question, client)
    if refused is not None:
        return refused
    is_logon = question.direction is Direction.INBOUND and question.msg_type == LOGON
    return _LOGON if is_logon else None


def decide(policy: Policy, question: Question, client: CompIds | None) -> Verdict:
    """Decide as the service does: the client's identity is checked before any rule, and a Logon needs no scope."""
    return beforehand(policy, question, client) or policy.decide(question)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
