"""Reads the export of a Keycloak realm (`kc.sh export`, or a partial export): client scopes, realm and client roles.

A role holds the scopes of its attribute `fix.scopes` (as `mapping export` writes it), the roles that it is composed of
if they are named like scopes, and the client scopes that are mapped to it (`scopeMappings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from authzsvc.errors import ToolError
from authzsvc.policy.scopes import SEGMENTED
from authzsvc.workflow.imports.exported import Exported, ServerRole, entries, read_json, text_of

SCOPES_ATTRIBUTE = "fix.scopes"

_BUILT_IN_SCOPES = frozenset(
    (
        "acr", "address", "basic", "email", "microprofile-jwt", "offline_access", "organization", "phone", "profile",
        "role_list", "roles", "saml_organization", "service_account", "web-origins",
    )
)  # fmt: skip
_BUILT_IN_ROLES = frozenset(("offline_access", "uma_authorization"))
_BUILT_IN_CLIENTS = frozenset(("account", "account-console", "admin-cli", "broker", "realm-management"))
_DEFAULT_ROLES = "default-roles-"


def read(path: Path) -> Exported:
    """Reads an export. Raises `ToolError`."""
    realm = read_json(path)
    if not isinstance(realm, dict):
        raise ToolError(f"`{path}` is no export of a realm: it has no keys")
    scopes = {
        text_of(scope, "name"): text_of(scope, "description")
        for scope in entries(realm, "clientScopes")
        if text_of(scope, "name") not in _BUILT_IN_SCOPES
    }
    roles = dict(_roles(realm))
    mapped = _mapped(realm)
    like_scopes = {name for name in roles if SEGMENTED.fullmatch(name)}
    scopes.update({name: text_of(roles[name], "description") for name in like_scopes - scopes.keys()})
    if not scopes:
        raise ToolError(f"`{path}` has no client scopes but Keycloak's own (export the realm with its client scopes)")
    found = {
        name: _role(role, mapped.get(name, ()), set(scopes)) for name, role in roles.items() if name not in like_scopes
    }
    return Exported(scopes, found, "realm_access.roles")


def _roles(realm: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Gives realm and client roles, but for Keycloak's own."""
    for role in entries(realm, "roles", "realm"):
        name = text_of(role, "name")
        if name and name not in _BUILT_IN_ROLES and not name.startswith(_DEFAULT_ROLES):
            yield name, role
    by_client = realm.get("roles", {}).get("client", {}) if isinstance(realm.get("roles"), dict) else {}
    for client, roles in by_client.items() if isinstance(by_client, dict) else ():
        if client not in _BUILT_IN_CLIENTS:
            yield from ((text_of(role, "name"), role) for role in entries(roles))


def _mapped(realm: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the client scopes that only holders of a role get, by role."""
    found: dict[str, list[str]] = {}
    for mapping in entries(realm, "scopeMappings"):
        scope, roles = text_of(mapping, "clientScope"), mapping.get("roles")
        for role in roles if scope and isinstance(roles, list) else ():
            found.setdefault(str(role), []).append(scope)
    return found


def _role(role: Mapping[str, Any], mapped: list[str] | tuple[()], scopes: set[str]) -> ServerRole:
    attributes = role.get("attributes")
    written = attributes.get(SCOPES_ATTRIBUTE) if isinstance(attributes, dict) else None
    composites = [*_composites(role)]
    held = [*(written if isinstance(written, list) else ()), *mapped, *(name for name in composites if name in scopes)]
    return ServerRole(
        text_of(role, "description"),
        tuple(dict.fromkeys(map(str, held))),
        tuple(name for name in composites if name not in scopes),
    )


def _composites(role: Mapping[str, Any]) -> Iterator[str]:
    composites = role.get("composites")
    if not isinstance(composites, dict):
        return
    of_realm, of_clients = composites.get("realm"), composites.get("client")
    yield from (str(name) for name in of_realm or () if isinstance(of_realm, list))
    for names in of_clients.values() if isinstance(of_clients, dict) else ():
        yield from (str(name) for name in names or () if isinstance(names, list))
