"""`authzsvc session`: see live sessions, stop them, and let them go on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
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

app = typer.Typer(help="See live FIX sessions, stop them, and let them go on.", no_args_is_help=True)

CompIdOption = Annotated[str | None, typer.Option("--comp-id", help="Of the client, as in 49.")]
ClientOption = Annotated[str | None, typer.Option("--client", help="`client_id` of the token.")]
SubjectOption = Annotated[str | None, typer.Option("--subject", help="`sub` of the token.")]
FirmOption = Annotated[
    str | None,
    typer.Option("--on-behalf-of", help="A firm that a hub sends for, as in 115: its messages alone, and no session."),
]
RoleOption = Annotated[str | None, typer.Option("--role", help="A role of the session.")]


class KillMode(StrEnum):
    """What a kill does."""

    KILL = "kill"
    CANCEL_ONLY = "cancel-only"


_MODES = {KillMode.KILL: pb.kill, KillMode.CANCEL_ONLY: pb.cancel_only}


@app.command("list")
def list_sessions(
    comp_id: CompIdOption = None,
    client: ClientOption = None,
    subject: SubjectOption = None,
    role: RoleOption = None,
    restrictions: Annotated[
        bool, typer.Option("--restrictions", help="Show what is in force instead, with the ids for `restore`.")
    ] = False,
    as_json: JsonOption = False,
    admin: AddressOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    token_file: TokenOption = None,
) -> None:
    """List the live sessions of one service process, or all that is in force."""
    selector = _selector(comp_id, client, subject, role)
    if restrictions and selector is not None:
        raise ToolError("`--restrictions` shows all of them (leave the selection out)")
    found: list[pb.LiveSession] | list[pb.Restriction | pb.Revocation]
    with connected(Way(admin, config, ca, cert, key, token_file)) as service:
        found = list(service.restrictions()) if restrictions else list(service.sessions(selector))
    if as_json:
        say_json([as_data(one) for one in found], indent=2)
    else:
        output.console().print(_table(found, restrictions))


@app.command()
def kill(
    reason: Annotated[str, typer.Option(help="Why; the counterparty reads it in 58. Plain ASCII, up to 200.")],
    comp_id: CompIdOption = None,
    client: ClientOption = None,
    subject: SubjectOption = None,
    role: RoleOption = None,
    on_behalf_of: FirmOption = None,
    everyone: Annotated[bool, typer.Option("--all", help="Everyone.")] = False,
    mode: Annotated[
        KillMode, typer.Option(help="Log out and refuse Logons, or let only cancels through.")
    ] = KillMode.KILL,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, with `--all`.")] = False,
    as_json: JsonOption = False,
    admin: AddressOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    token_file: TokenOption = None,
) -> None:
    """Stop sessions at once, and refuse new ones, until they are restored."""
    selector = _selector(comp_id, client, subject, role, everyone, on_behalf_of)
    if selector is None:
        raise ToolError("whom? (give `--comp-id`, `--client`, `--subject`, `--role`, `--on-behalf-of` or `--all`)")
    if everyone:
        _confirm(yes, f"{mode} ALL sessions and refuse new ones?")
    request = pb.KillRequest(selector=selector, mode=_MODES[mode], reason=reason)
    with connected(Way(admin, config, ca, cert, key, token_file)) as service:
        done = service.kill(request)
    concerned = f"messages on behalf of {visible(on_behalf_of)}" if on_behalf_of else f"{_sessions(done.hit)} hit"
    _tell(done, f"in force as `{done.ids[0]}`; {concerned}", as_json)


@app.command()
def restore(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids, as `kill` and `list --restrictions` show them.")] = None,
    comp_id: CompIdOption = None,
    client: ClientOption = None,
    subject: SubjectOption = None,
    role: RoleOption = None,
    on_behalf_of: FirmOption = None,
    everyone: Annotated[bool, typer.Option("--all", help="What `kill --all` did; nothing else.")] = False,
    everything: Annotated[bool, typer.Option("--everything", help="Every restriction there is.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, with `--everything`.")] = False,
    as_json: JsonOption = False,
    admin: AddressOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    token_file: TokenOption = None,
) -> None:
    """Lift restrictions, by id or by the selection that they were made with. A revocation is lifted by its id."""
    selector = _selector(comp_id, client, subject, role, everyone, on_behalf_of)
    if sum((bool(ids), selector is not None, everything)) != 1:
        raise ToolError("what? (give ids, or one selection such as `--client`, or `--everything`)")
    if everything:
        _confirm(yes, "Lift EVERY restriction?")
    request = pb.RestoreRequest(ids=ids or (), selector=selector, everything=everything)
    with connected(Way(admin, config, ca, cert, key, token_file)) as service:
        done = service.restore(request)
    _tell(done, f"lifted {', '.join(f'`{one}`' for one in done.ids)}; {_sessions(done.hit)} concerned", as_json)


def revoke(
    reason: Annotated[str, typer.Option(help="Why. Plain ASCII, up to 200.")],
    jti: Annotated[str | None, typer.Option("--jti", help="The token's id.")] = None,
    subject: Annotated[str | None, typer.Option(help="Every token of this subject issued before now.")] = None,
    issuer: Annotated[str, typer.Option(help="Only of this issuer.")] = "",
    keep_s: Annotated[
        float, typer.Option(min=0.0, help="Seconds after which no such token is valid any more; 0: until lifted.")
    ] = 0.0,
    as_json: JsonOption = False,
    admin: AddressOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    cert: CertOption = None,
    key: KeyOption = None,
    token_file: TokenOption = None,
) -> None:
    """Refuse tokens that would still verify, and end the sessions that stand on them."""
    if (jti is None) == (subject is None):
        raise ToolError("which tokens? (give `--jti` or `--subject`)")
    request = pb.RevokeRequest(token_id=jti, subject=subject, issuer=issuer, reason=reason, keep_s=keep_s)
    with connected(Way(admin, config, ca, cert, key, token_file)) as service:
        done = service.revoke(request)
    _tell(done, f"revoked as `{done.ids[0]}`; {_sessions(done.hit)} hit", as_json)


def _selector(
    comp_id: str | None,
    client: str | None,
    subject: str | None,
    role: str | None,
    everyone: bool = False,
    on_behalf_of: str | None = None,
) -> pb.Selector | None:
    given = {
        "comp_id": comp_id,
        "client": client,
        "subject": subject,
        "role": role,
        "on_behalf_of": on_behalf_of,
        "all": everyone or None,
    }
    chosen = [(name, value) for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise ToolError("select by one thing at a time (give one of the options)")
    if not chosen:
        return None
    selector = pb.Selector()
    setattr(selector, *chosen[0])
    return selector


def _confirm(yes: bool, question: str) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise ToolError("nothing was done (answer y, or give `--yes`)")


def _tell(done: pb.Done, words: str, as_json: bool) -> None:
    if as_json:
        say_json(as_data(done), indent=2)
    else:
        say(words)


def _sessions(number: int) -> str:
    return f"{number} live session{'' if number == 1 else 's'}"


def _table(found: Iterable[pb.LiveSession] | Iterable[pb.Restriction | pb.Revocation], restrictions: bool) -> Table:
    names = ("sender", "target", "client", "subject", "address", "since", "token expires", "in force")
    table = Table(*(("id", "about", "what", "since", "by", "reason") if restrictions else names))
    rows = [_session_row(one) if isinstance(one, pb.LiveSession) else _force_row(one) for one in found]
    for row in sorted(rows):
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table


def _session_row(one: pb.LiveSession) -> tuple[str, ...]:
    force = ""
    if one.HasField("revocation"):
        force = f"revoked {one.revocation.id}"
    if one.HasField("restriction"):
        force = f"{_mode(one.restriction.mode)} {one.restriction.id}"
    sender = "/".join(part for part in (one.sender_comp_id, one.sender_sub_id, one.sender_location_id) if part)
    times = (_time(one.logged_on_at), _time(one.expires_at))
    return (sender, one.target_comp_id, one.client_id, one.subject, one.address, *times, force)


def _force_row(one: pb.Restriction | pb.Revocation) -> tuple[str, ...]:
    holder: pb.Selector | pb.Revocation = one.selector if isinstance(one, pb.Restriction) else one
    name = holder.WhichOneof("by") or ""
    about = "all" if name == "all" else f"{name.replace('_', '-')} {getattr(holder, name)}"
    what = _mode(one.mode) if isinstance(one, pb.Restriction) else f"revoked {one.issuer}".strip()
    return (one.id, about, what, _time(one.at), one.operator, one.reason)


def _mode(number: int) -> str:
    names: dict[int, str] = {number: mode.value for mode, number in _MODES.items()}
    return names.get(number, str(number))


def _time(unix: float) -> str:
    try:
        return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{unix:.0f}"
