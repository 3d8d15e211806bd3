"""`authzsvc lockout`: see who is locked out after too many failed logons, and let them in again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from authzsvc._gen.fixauthz.v1 import admin_pb2 as pb
from authzsvc.cli import output
from authzsvc.cli.admin_client import (
    AddressOption,
    CaOption,
    CertOption,
    ConfigOption,
    KeyOption,
    TokenOption,
    Way,
    as_data,
    connected,
)
from authzsvc.cli.output import JsonOption, say, say_json
from authzsvc.errors import ToolError
from authzsvc.visible import visible

app = typer.Typer(help="See who is locked out after failed logons, and let them in again.", no_args_is_help=True)


@app.command("list")
def list_lockouts(
    as_json: JsonOption = False,
    admin: AddressOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    token_file: TokenOption = None,
) -> None:
    """List the lock-outs of one service process, the oldest first."""
    with connected(Way(admin, config, ca, cert, key, token_file)) as service:
        found = list(service.lockouts())
    if as_json:
        say_json([as_data(one) for one in found], indent=2)
    else:
        output.console().print(_table(found))


@app.command()
def clear(
    name: Annotated[str | None, typer.Argument(help="A CompID or a client id.")] = None,
    address: Annotated[str | None, typer.Option("--address", help="An address, without its port.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every lock-out there is.")] = False,
    as_json: JsonOption = False,
    admin: AddressOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    token_file: TokenOption = None,
) -> None:
    """Lift lock-outs at one service process, and forget the failed logons that led to them."""
    if sum((name is not None, address is not None, everything)) != 1:
        raise ToolError("which? (give a name, or `--address`, or `--all`)")
    request = pb.ClearLockoutsRequest(all=True) if everything else pb.ClearLockoutsRequest(name=name, address=address)
    with connected(Way(admin, config, ca, cert, key, token_file)) as service:
        done = service.clear_lockouts(request)
    words = f"lifted {done.lifted} lock-out{'' if done.lifted == 1 else 's'}"
    if as_json:
        say_json(as_data(done), indent=2)
    else:
        say(words)


def _table(found: list[pb.Lockout]) -> Table:
    table = Table("locked", "name", "address", "left", "in a row")
    for one in found:
        name = f"{one.name} and others" if one.shared else one.name
        row = (one.kind, name, one.address, f"{one.left_s:.0f} s", str(one.locks))
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table
