"""The `authzsvc` command: one module a sub-command, errors as one plain line a fault, exit code 2 for bad input."""

from __future__ import annotations

import typer

from authzsvc.cli import check, demo, envoy_config, lockout, mapping, serve, session, token
from authzsvc.cli.output import say
from authzsvc.errors import AuthzError

app = typer.Typer(
    name="authzsvc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check.command)
app.command("envoy-config")(envoy_config.command)
app.command("serve")(serve.command)
app.add_typer(demo.app, name="demo")
app.add_typer(lockout.app, name="lockout")
app.add_typer(mapping.app, name="mapping")
app.add_typer(session.app, name="session")
app.add_typer(token.app, name="token")


@app.callback()
def root() -> None:
    """OAuth 2.0 least privilege for FIX: the decision service and its tools."""


def main() -> None:
    """Run the command; what this package raises on purpose is told in plain words."""
    try:
        app()
    except AuthzError as error:
        say(error, err=True)
        raise SystemExit(2) from None
