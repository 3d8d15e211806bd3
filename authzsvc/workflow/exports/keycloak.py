"""Keycloak: client scopes, and realm roles of which some are composed of others.

Keycloak's partial import (`POST /admin/realms/{realm}/partialImport`) takes the roles and ignores the client scopes.
These are created one by one (`POST /admin/realms/{realm}/client-scopes`). A realm created from a file takes both,
without the key `ifResourceExists`.
The mapping itself resolves a role into scopes, so a token that names the role in `realm_access.roles` is enough.
"""

from __future__ import annotations

from authzsvc.workflow.exports.profile import Named, Profile, RoleProfile
from authzsvc.workflow.imports.keycloak import SCOPES_ATTRIBUTE

MAX_DESCRIPTION = 255
"""Characters of a description that Keycloak keeps."""


def document(profile: Profile) -> dict[str, object]:
    """Returns what Keycloak imports. Resources that are there already stay as they are."""
    return {
        "ifResourceExists": "SKIP",
        "clientScopes": [_scope(scope) for scope in profile.scopes],
        "roles": {"realm": [_role(role) for role in profile.roles]},
    }


def _scope(scope: Named) -> dict[str, object]:
    description = scope.description[:MAX_DESCRIPTION]
    return {
        "name": scope.name,
        "description": description,
        "protocol": "openid-connect",
        "attributes": {
            "include.in.token.scope": "true",
            "display.on.consent.screen": "true",
            "consent.screen.text": description or scope.name,
        },
    }


def _role(role: RoleProfile) -> dict[str, object]:
    composites: dict[str, object] = {"composites": {"realm": list(role.roles)}} if role.roles else {}
    return {
        "name": role.name,
        "description": role.description[:MAX_DESCRIPTION],
        "composite": bool(role.roles),
        **composites,
        "clientRole": False,
        "attributes": {SCOPES_ATTRIBUTE: list(role.scopes)},
    }
