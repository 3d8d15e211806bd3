"""Reads what Okta's API gives of an authorization server: scopes, groups, and the access policies that join them.

One JSON file: the list of `GET /api/v1/authorizationServers/{id}/scopes`, or an object with `scopes`, `groups`
(`GET /api/v1/groups`) and `policies`, each policy with its `rules`. A group is a role; it holds the scopes that a rule
gives to it. `mapping export --to okta` writes the same form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from authzsvc.errors import ToolError
from authzsvc.workflow.imports.exported import Exported, ServerRole, entries, read_json, text_of

_BUILT_IN = frozenset(["openid", "profile", "email", "address", "phone", "offline_access", "device_sso", "groups"])
_EVERYBODY = "EVERYONE"


def read(path: Path) -> Exported:
    """Reads an export. Raises `ToolError`."""
    data = read_json(path)
    if isinstance(data, list):
        data = {"scopes": data}
    scopes = {
        text_of(scope, "name"): text_of(scope, "description", "displayName")
        for scope in entries(data, "scopes")
        if text_of(scope, "name") and text_of(scope, "name") not in _BUILT_IN and not scope.get("system")
    }
    if not scopes:
        raise ToolError(f"`{path}` has no scopes but Okta's own (begin with the server's `/scopes`)")
    groups = {text_of(group, "id") or _name(group): group for group in entries(data, "groups")}
    held: dict[str, list[str]] = {}
    for group, scope in _given(data):
        held.setdefault(group, []).extend(scopes if scope == "*" else [scope])
    roles = {
        _name(group): ServerRole(_description(group), tuple(dict.fromkeys(held.get(id_, ()))))
        for id_, group in groups.items()
    }
    notes = ("Groups are taken for roles: the tokens need a claim `groups` (preset `okta`).",) if roles else ()
    return Exported(scopes, roles, "groups", notes)


def _given(data: object) -> Iterator[tuple[str, str]]:
    """Gives each group with each scope that a rule gives to it."""
    for policy in entries(data, "policies"):
        for rule in entries(policy, "rules"):
            conditions = rule.get("conditions")
            for group in _included(conditions, "people", "groups"):
                for scope in _included(conditions, "scopes"):
                    yield group, scope


def _included(data: object, *keys: str) -> list[str]:
    for key in (*keys, "include"):
        data = data.get(key) if isinstance(data, dict) else None
    return [str(one) for one in data if one != _EVERYBODY] if isinstance(data, list) else []


def _profile(group: Mapping[str, Any]) -> Mapping[str, Any]:
    profile = group.get("profile")
    return profile if isinstance(profile, dict) else {}


def _name(group: Mapping[str, Any]) -> str:
    return text_of(_profile(group), "name")


def _description(group: Mapping[str, Any]) -> str:
    return text_of(_profile(group), "description")
