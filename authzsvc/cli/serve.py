"""`authzsvc serve`: run the decision service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    config: Annotated[
        Path | None, typer.Option(help="Settings, YAML or JSON.", envvar="AUTHZSVC_CONFIG", show_default=False)
    ] = None,
    listen_unix: Annotated[Path | None, typer.Option(help="`listen.unix`: a socket's path.")] = None,
    listen_tcp: Annotated[str | None, typer.Option(help="`listen.tcp`: `host:port`, or a port on loopback.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="`mapping`: the scope-to-message mapping.")] = None,
    audit_path: Annotated[str | None, typer.Option(help="`audit.path`: a file, or `-` for standard output.")] = None,
    log_level: Annotated[str | None, typer.Option(help="`log.level`: debug, info, warning or error.")] = None,
) -> None:
    """Run the decision service until SIGTERM or SIGINT.

    Every setting can stand in the file and in the environment (`AUTHZSVC_LISTEN__TCP` for `listen.tcp`); the
    environment comes before the file, an option before both.
    """
    import uvloop

    from authzsvc.server import lifecycle, logs
    from authzsvc.settings import load

    options: dict[str, Any] = {
        "listen": {"unix": listen_unix, "tcp": listen_tcp},
        "mapping": mapping,
        "audit": {"path": audit_path},
        "log": {"level": log_level},
    }
    settings = load(config, _given(options))
    logs.set_up(settings.log.level)
    uvloop.run(lifecycle.serve(settings))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Only the options that were given."""
    found = {name: _given(value) if isinstance(value, dict) else value for name, value in options.items()}
    return {name: value for name, value in found.items() if value not in (None, {})}
