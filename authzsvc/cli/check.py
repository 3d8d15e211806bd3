"""`authzsvc check`: decide one message against a mapping, offline, and say why.

Exit code 0: allowed, 1: denied, 2: the mapping, the message or an option cannot be read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from authzsvc.errors import FieldsError, ToolError
from authzsvc.fix.dictionary import Dictionary, load
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import SOH, Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.conditions import Claims
from authzsvc.policy.engine import CompIds, Policy, Question, Verdict

MSG_TYPE = 35

_CLIENT_TAGS = {Direction.INBOUND: (49, 50, 142, 115), Direction.OUTBOUND: (56, 57, 143, 128)}
"""The tags that name the client: CompID, SubID, LocationID, and the firm on whose behalf it acts."""


def command(
    mapping: Annotated[Path, typer.Option(help="The mapping, YAML or JSON.")],
    scopes: Annotated[str, typer.Option(help="The token's scopes, separated by spaces.")],
    message: Annotated[str, typer.Option(help="The message or a part of it, with 35: `35=D|167=CS` (`|` or SOH).")],
    claims: Annotated[str, typer.Option(help="The token's claims, a JSON object.")] = "{}",
    direction: Annotated[Direction, typer.Option(help="Client to venue, or back.")] = Direction.INBOUND,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Decide one message offline and say why. Exit code 0: allowed, 1: denied, 2: bad input."""
    policy = compile_mapping(mapping)
    question = ask(message, scopes, claims, direction)
    verdict = answer(policy, question)
    if as_json:
        print(json.dumps(as_document(policy, verdict), ensure_ascii=False))
    else:
        _show(policy, question, verdict)
    raise typer.Exit(0 if verdict.allowed else 1)


def ask(message: str, scopes: str, claims: str, direction: Direction) -> Question:
    """Make a question of what was typed. Raises `FieldsError` and `ToolError`."""
    fields = _fields(message)
    types = fields.all(MSG_TYPE)
    if len(types) != 1:
        problem = "has no MsgType" if not types else "has more than one MsgType"
        raise FieldsError(f"the message {problem}; say it once, as in `35=D|167=CS`")
    msg_type = types[0].decode("ascii", "replace")
    return Question(direction, msg_type, fields, frozenset(scopes.split()), _claims(claims))


def answer(policy: Policy, question: Question) -> Verdict:
    """Decide as the service does; the client's identity is held only where both message and claims tell of it."""
    client = [question.fields.first(tag) for tag in _CLIENT_TAGS[question.direction]]
    comp_id, sub_id, location_id, on_behalf_of = (
        None if id_ is None else id_.decode("utf-8", "replace") for id_ in client
    )
    told = any(claim in question.claims for claim in policy.identity.values())
    if comp_id is not None and told:
        refusal = policy.identify(CompIds(comp_id, sub_id, location_id, on_behalf_of), question.claims)
        if refusal is not None:
            return Verdict(False, None, (), refusal, ())
    return policy.decide(question)


def as_document(policy: Policy, verdict: Verdict) -> dict[str, object]:
    """Give the verdict as programs read it."""
    return {
        "decision": "allow" if verdict.allowed else "deny",
        "scope": verdict.scope,
        "missing_scopes": list(verdict.missing_scopes),
        "reason": verdict.reason,
        "vary": list(verdict.vary),
        "policy": policy.digest,
    }


def _fields(message: str) -> Fields:
    """Read a message with SOH, or with `|` in its place; the last separator may be missing."""
    raw = message.strip().encode("utf-8", "surrogateescape")
    if SOH not in raw:
        raw = raw.replace(b"|", SOH)
    return Fields.parse(raw if raw.endswith(SOH) or not raw else raw + SOH)


def _claims(text: str) -> Claims:
    try:
        claims = json.loads(text)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise ToolError('`--claims` is no JSON object; write it as \'{"accounts": ["A1"]}\'')
    return claims


def _show(policy: Policy, question: Question, verdict: Verdict) -> None:
    """Print the verdict for a person."""
    dictionary = load(policy.fix)
    named = f"{dictionary.message_name(question.msg_type)} ({question.msg_type}) {question.direction}"
    mark = Text(" ALLOW ", "bold white on green") if verdict.allowed else Text(" DENY ", "bold white on red")
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(mark, named)
    rows = {
        "reason": verdict.reason,
        "scope": verdict.scope or "-",
        "missing": ", ".join(verdict.missing_scopes) or "-",
        "looks at": ", ".join(_tag(dictionary, tag) for tag in verdict.vary) or "no body field",
        "policy": f"{policy.name} {policy.digest[:16]}",
    }
    for name, value in rows.items():
        console.print(Text(f"  {name:<9}", "dim"), value)


def _tag(dictionary: Dictionary, tag: int) -> str:
    name = dictionary.tag_name(tag)
    return f"{name} ({tag})" if name != str(tag) else name
