"""`authzsvc mapping explain`: every rule tried for one message, why each did or did not match, what would allow it.

`--cache` shows what a cached decision rests on, so that an author sees what a rule costs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from authzsvc.cli import check
from authzsvc.cli.output import say, say_json
from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.question import CompIds
from authzsvc.workflow import cache_key, clients, explain


def command(
    path: Annotated[Path, typer.Argument(help="The mapping.")],
    scopes: Annotated[str, typer.Option(help="The token's scopes, separated by spaces; `role:NAME` for a role.")],
    message: Annotated[str, typer.Option(help="The message or a part of it, with 35: `35=D|167=CS` (`|` or SOH).")],
    claims: Annotated[str, typer.Option(help="The token's claims, a JSON object.")] = "{}",
    direction: Annotated[Direction, typer.Option(help="Client to venue, or back.")] = Direction.INBOUND,
    comp_id: Annotated[
        str | None, typer.Option(help="The client's CompID [the message's own].", show_default=False)
    ] = None,
    now: check.NowOption = None,
    cache: Annotated[
        bool, typer.Option("--cache", help="Show which tags a cached decision rests on, and which rules ask for them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Explain one decision. Exit code 0: allowed, 1: denied, 2: bad input."""
    policy = compile_mapping(path)
    question = check.ask(message, scopes, claims, direction, now)
    client = CompIds(comp_id) if comp_id else clients.client_of(question.fields, direction)
    question = question._replace(comp_id=client.comp_id if client else "")
    explanation = explain.explain(policy, question, clients.beforehand(policy, question, client))
    if as_json:
        document = explain.as_document(policy, explanation)
        say_json({**document, "cache": cache_key.as_document(policy, question)} if cache else document)
    else:
        lines = explain.report(explanation)
        say("\n".join([*lines, *cache_key.report(policy, question)] if cache else lines))
    raise typer.Exit(0 if explanation.verdict.allowed else 1)
