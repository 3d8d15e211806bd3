"""`authzsvc mapping export`: a mapping's scopes and roles for the authorization server that is to give them out."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from authzsvc import files
from authzsvc.errors import ToolError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.visible import json_text
from authzsvc.workflow.exports import fusionauth, keycloak, okta, profile, terraform
from authzsvc.workflow.exports.profile import Profile


class Server(StrEnum):
    """Whom it is written for."""

    KEYCLOAK = "keycloak"
    OKTA = "okta"
    FUSIONAUTH = "fusionauth"
    TERRAFORM = "terraform"


def command(
    path: Annotated[Path, typer.Argument(help="The mapping.")],
    to: Annotated[Server, typer.Option("--to", help="The server, or terraform (for Keycloak).")],
    output: Annotated[Path | None, typer.Option(help="Write to this file.", show_default=False)] = None,
) -> None:
    """Write scopes and role profiles for an authorization server. Exit code 0: done, 2: faults."""
    written = _written(profile.of(compile_mapping(path)), to)
    if output is None:
        sys.stdout.write(written)
        return
    try:
        output.write_text(written, encoding="utf-8")
    except OSError as error:
        problem = files.problem(error)
        raise ToolError(f"`{output}` cannot be written: {problem} (name another file with `--output`)") from None


def _written(found: Profile, to: Server) -> str:
    if to is Server.TERRAFORM:
        return terraform.text(found)
    documents = {Server.KEYCLOAK: keycloak.document, Server.OKTA: okta.document, Server.FUSIONAUTH: fusionauth.document}
    return json_text(json.dumps(documents[to](found), indent=2, ensure_ascii=False)) + "\n"
