"""Terraform, for the provider `keycloak/keycloak`: a client scope for each scope, a realm role for each role.

The text is HCL in the layout of `terraform fmt`. Names that HCL or Terraform would take for something else are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from authzsvc.workflow.exports.profile import Named, Profile, RoleProfile
from authzsvc.workflow.imports.keycloak import SCOPES_ATTRIBUTE

_SEPARATOR = "##"
"""By which the provider tells the values of one attribute apart."""


def text(profile: Profile) -> str:
    """Returns the configuration."""
    scope_names = _identifiers(scope.name for scope in profile.scopes)
    role_names = _identifiers(role.name for role in profile.roles)
    blocks = [
        _HEAD,
        *(_scope(scope, scope_names[scope.name]) for scope in profile.scopes),
        *(_role(role, role_names) for role in profile.roles),
    ]
    return "\n\n".join(blocks) + "\n"


_HEAD = """\
terraform {
  required_providers {
    keycloak = {
      source  = "keycloak/keycloak"
      version = ">= 5.0"
    }
  }
}

variable "realm_id" {
  type        = string
  description = "The realm that the clients get their tokens from"
}"""


def _scope(scope: Named, identifier: str) -> str:
    return _block(
        "keycloak_openid_client_scope",
        identifier,
        {
            "realm_id": "var.realm_id",
            "name": quoted(scope.name),
            "description": quoted(scope.description),
            "include_in_token_scope": "true",
        },
    )


def _role(role: RoleProfile, names: dict[str, str]) -> str:
    arguments = {"realm_id": "var.realm_id", "name": quoted(role.name), "description": quoted(role.description)}
    if role.roles:
        inner = ", ".join(f"keycloak_role.{names[name]}.id" for name in role.roles)
        arguments["composite_roles"] = f"[{inner}]"
    attributes = quoted(_SEPARATOR.join(role.scopes))
    block = _block("keycloak_role", names[role.name], arguments)
    return f"{block.removesuffix('}')}  attributes = {{\n    {quoted(SCOPES_ATTRIBUTE)} = {attributes}\n  }}\n}}"


def _block(kind: str, identifier: str, arguments: dict[str, str]) -> str:
    width = max(map(len, arguments))
    lines = (f"  {key.ljust(width)} = {value}" for key, value in arguments.items())
    return "\n".join((f'resource "{kind}" "{identifier}" {{', *lines, "}"))


def quoted(text: str) -> str:
    """Returns a text as a quoted string of HCL, in which nothing is a template."""
    return f'"{"".join(_escaped(text))}"'


def _escaped(text: str) -> Iterator[str]:
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    for char, following in zip_longest(text, text[1:]):
        if char in "$%" and following == "{":
            yield char * 2
        elif char in named:
            yield named[char]
        elif char.isprintable():
            yield char
        else:
            yield f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _identifiers(names: Iterable[str]) -> dict[str, str]:
    """Returns an identifier of its own for each name."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        base = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        number, identifier = 1, base
        while identifier in found.values():
            number += 1
            identifier = f"{base}_{number}"
        found[name] = identifier
    return found
