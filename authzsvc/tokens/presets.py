"""What the tokens of well-known authorization servers look like: a `Reading` for each.

A preset is a start; every part of it can be set otherwise. What each server issues, and what was decided about it:

- `rfc9068`: the profile (RFC 9068), strictly: `typ` must be `at+jwt`, `scope` a string, `client_id`, and `roles`.
- `keycloak`: `scope` a string, `azp`. Roles of the realm count, and those of the gateway's own client
  (`resource_access.AUDIENCE.roles`); roles of other clients do not, since their `admin` is not ours.
- `okta`: `scp` a list, `cid`; `groups`, where the authorization server is set to give them, are roles.
- `fusionauth`: `scope`, and the `permissions` of an entity's token, together; `roles` of the registration;
  `applicationId`, which tokens of the client-credentials grant do not have (their `sub` is the client).
- `auth0`: `scope` and, with RBAC, `permissions`, together; `azp`, or `client_id` in its RFC 9068 dialect. Roles come
  only by custom claims: name them.
- `entra`: `scp` a string where a user consented; an application of its own has no `scp`, and what it was granted stands
  in `roles`, which then are its scopes. `roles` are roles in both. `azp` (v2) or `appid` (v1); `oid` where there is no
  `sub`. For v1 tokens the issuer is `https://sts.windows.net/TENANT/`, the audience often `api://...`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from authzsvc.tokens.claims import Reading

PRESETS: Mapping[str, Reading] = MappingProxyType(
    {
        "rfc9068": Reading(
            scope_claims=("scope",), role_claims=("roles",), client_id_claims=("client_id",), types=("at+jwt",)
        ),
        "keycloak": Reading(
            scope_claims=("scope",),
            role_claims=("realm_access.roles", "resource_access.{audience}.roles"),
            client_id_claims=("azp", "client_id"),
        ),
        "okta": Reading(scope_claims=("scp",), role_claims=("groups",), client_id_claims=("cid",)),
        "fusionauth": Reading(
            scope_claims=("scope", "permissions"),
            role_claims=("roles",),
            client_id_claims=("applicationId",),
            union=True,
        ),
        "auth0": Reading(scope_claims=("scope", "permissions"), client_id_claims=("azp", "client_id"), union=True),
        "entra": Reading(
            scope_claims=("scp", "roles"),
            role_claims=("roles",),
            client_id_claims=("azp", "appid"),
            subject_claims=("sub", "oid"),
        ),
    }
)


def reading(
    preset: str | None,
    *,
    scope_claims: Iterable[str] | None = None,
    role_claims: Iterable[str] | None = None,
    client_id_claims: Iterable[str] | None = None,
    types: Iterable[str] | None = None,
) -> Reading:
    """A preset, or the usual reading without one, with what is given put in its place."""
    found = Reading() if preset is None else PRESETS[preset]
    return replace(
        found,
        scope_claims=found.scope_claims if scope_claims is None else tuple(scope_claims),
        role_claims=found.role_claims if role_claims is None else tuple(role_claims),
        client_id_claims=found.client_id_claims if client_id_claims is None else tuple(client_id_claims),
        types=found.types if types is None else tuple(types),
    )
