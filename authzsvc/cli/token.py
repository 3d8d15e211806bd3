"""`authzsvc token`: mint a token with development keys, look into one, or revoke it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from authzsvc.cli import session
from authzsvc.cli.output import say, say_json
from authzsvc.errors import ToolError
from authzsvc.tokens import development, inspection
from authzsvc.tokens.development import DevelopmentIssuer
from authzsvc.tokens.keys import read_file

app = typer.Typer(help="Access tokens: mint with development keys, inspect, or revoke.", no_args_is_help=True)
app.command("revoke")(session.revoke)


@app.command()
def mint(
    directory: Annotated[
        Path, typer.Option("--keys", help="Where the development keys are kept; made when there are none.")
    ] = Path(".authzsvc-development"),
    scopes: Annotated[str, typer.Option(help="Scopes, separated by spaces.")] = "",
    sub: Annotated[str, typer.Option(help="The subject.")] = "developer",
    client_id: Annotated[str | None, typer.Option(help="The client.")] = None,
    comp_id: Annotated[str | None, typer.Option(help="The CompID it may use (claim `fix_comp_id`).")] = None,
    claims: Annotated[str, typer.Option(help="More claims, a JSON object; they have the last word.")] = "{}",
    issuer: Annotated[str, typer.Option(help="The issuer.")] = development.ISSUER,
    audience: Annotated[str, typer.Option(help="The audience.")] = development.AUDIENCE,
    ttl_s: Annotated[float, typer.Option(help="Seconds to its expiry; negative: it has expired.")] = 3600.0,
) -> None:
    """Print a signed token. The keys are for development: whoever holds them can mint any token."""
    keys = DevelopmentIssuer.create(directory, issuer)
    token = keys.mint(
        scopes=scopes.split(),
        subject=sub,
        client_id=client_id,
        comp_id=comp_id,
        audience=audience,
        ttl_s=ttl_s,
        claims=_object(claims),
    )
    say(f"{development.NOTICE}; key set: {keys.jwks_path}", err=True)
    say(token)


@app.command()
def inspect(
    token: Annotated[str, typer.Argument(help="The token, or `-` to read it from standard input.")],
    jwks: Annotated[Path | None, typer.Option(help="Verify the signature with this key set.")] = None,
) -> None:
    """Show a token's header and claims, with its times in words. Exit 1 when `--jwks` does not verify it."""
    text = (sys.stdin.read(65_536) if token == "-" else token).strip()
    found = inspection.read(text)
    say("header")
    say_json(found.header, indent=2)
    say("claims")
    say_json(found.claims, indent=2)
    now = time.time()
    for name in inspection.TIMES:
        if name in found.claims:
            say(f"{name}: {inspection.time_in_words(found.claims[name], now)}")
    if jwks is None:
        say("signature: not verified (give --jwks)")
        return
    holds = inspection.signature_holds(text, read_file(jwks))
    say(f"signature: {'verified' if holds else 'does NOT hold'} with `{jwks}` (issuer and audience are not checked)")
    if not holds:
        raise typer.Exit(1)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ToolError('`--claims` is not a JSON object; write it as \'{"accounts": ["A1"]}\'')
    return value
