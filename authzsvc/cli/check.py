"""`authzsvc check`: decide one message against a mapping, offline, and say why.

Exit code 0: allowed, 1: denied, 2: the mapping, the message or an option cannot be read.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from authzsvc.cli import output
from authzsvc.cli.output import say_json
from authzsvc.errors import ToolError
from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.policy import clock
from authzsvc.policy.by_version import begin_string_of
from authzsvc.policy.claims import Claims
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question, Verdict
from authzsvc.workflow import clients, typed

NowOption = Annotated[
    str | None,
    typer.Option(help="The gateway's clock, in UTC, as 20260102-14:30:00 [this machine's].", show_default=False),
]


def command(
    mapping: Annotated[Path, typer.Option(help="The mapping, YAML or JSON.")],
    scopes: Annotated[str, typer.Option(help="The token's scopes, separated by spaces.")],
    message: Annotated[str, typer.Option(help="The message or a part of it, with 35: `35=D|167=CS` (`|` or SOH).")],
    claims: Annotated[str, typer.Option(help="The token's claims, a JSON object.")] = "{}",
    direction: Annotated[Direction, typer.Option(help="Client to venue, or back.")] = Direction.INBOUND,
    now: NowOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Decide one message offline and say why. Exit code 0: allowed, 1: denied, 2: bad input."""
    policy = compile_mapping(mapping)
    question = ask(message, scopes, claims, direction, now)
    verdict = answer(policy, question)
    if as_json:
        say_json(as_document(policy, verdict))
    else:
        _show(policy, question, verdict)
    raise typer.Exit(0 if verdict.allowed else 1)


def ask(message: str, scopes: str, claims: str, direction: Direction, now: str | None = None) -> Question:
    """Make a question of what was typed; without a time, it is asked now. Raises `FieldsError` and `ToolError`."""
    msg_type, fields = typed.read(message)
    client = clients.client_of(fields, direction)
    comp_id = client.comp_id if client else ""
    held = frozenset(typed.words(scopes))
    version = begin_string_of(fields)
    return Question(direction, msg_type, fields, held, claims_of(claims), comp_id, _unix_time(now), version)


def _unix_time(now: str | None) -> float:
    try:
        return time.time() if now is None else clock.unix_time(typed.moment(now).encode())
    except ValueError as error:
        raise ToolError(f"`--now`: {error}") from None


def answer(policy: Policy, question: Question) -> Verdict:
    """Decide as the service does; the client's identity is held only where both message and claims tell of it."""
    client = clients.client_of(question.fields, question.direction)
    return clients.decide(policy, question, client)


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


def claims_of(text: str) -> Claims:
    """Read the claims that were typed. Raises `ToolError`."""
    try:
        claims = json.loads(text)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise ToolError('`--claims` is no JSON object; write it as \'{"accounts": ["A1"]}\'')
    return claims


def _show(policy: Policy, question: Question, verdict: Verdict) -> None:
    """Print the verdict for a person."""
    dictionary = policy.dictionary
    named = f"{dictionary.message_name(question.msg_type)} ({question.msg_type}) {question.direction}"
    mark = Text(" ALLOW ", "bold white on green") if verdict.allowed else Text(" DENY ", "bold white on red")
    console = output.console(markup=False, emoji=False, soft_wrap=True)
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
