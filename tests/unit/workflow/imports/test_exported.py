"""Exports of authorization servers, read as their APIs and tools write them, and what is guessed from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from authzsvc.errors import ToolError
from authzsvc.workflow.imports import exported, finish, keycloak, okta
from authzsvc.workflow.imports.exported import Exported, ServerRole

REALM = {
    "realm": "fix",
    "clientScopes": [
        {"name": "profile", "description": "Keycloak's own"},
        {"name": "order:create:equity", "description": "Shares"},
        {"name": "order:cancel"},
        {"name": "desk:frobnicate"},
        {"name": "trade:view:own"},
    ],
    "roles": {
        "realm": [
            {"name": "offline_access"},
            {"name": "default-roles-fix", "composite": True, "composites": {"realm": ["offline_access"]}},
            {"name": "quote:create", "description": "A role that is named like a scope"},
            {"name": "maker", "composite": True, "composites": {"realm": ["quote:create"]}},
            {"name": "head", "composite": True, "composites": {"realm": ["maker", "trader"], "client": {"gw": ["w"]}}},
            {"name": "trader", "description": "Trades", "attributes": {"fix.scopes": ["order:create:equity"]}},
        ],
        "client": {"gw": [{"name": "w"}], "account": [{"name": "view-profile"}]},
    },
    "scopeMappings": [{"clientScope": "order:cancel", "roles": ["trader"]}, {"client": "gw", "roles": ["trader"]}],
}

SERVER = {
    "scopes": [
        {"name": "openid", "system": True},
        {"name": "order:create:limit", "description": "Limit orders"},
        {"name": "order:cancel", "displayName": "Cancel"},
    ],
    "groups": [
        {"id": "g1", "profile": {"name": "Traders", "description": "All desks"}},
        {"id": "g2", "profile": {"name": "Ops"}},
    ],
    "policies": [
        {
            "rules": [
                {"conditions": {"people": {"groups": {"include": ["g1"]}}, "scopes": {"include": ["*"]}}},
                {
                    "conditions": {
                        "people": {"groups": {"include": ["g2", "EVERYONE"]}},
                        "scopes": {"include": ["order:cancel"]},
                    }
                },
                {"conditions": {"people": None}},
            ]
        }
    ],
}


def written(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(data))
    return path


def test_a_realm(tmp_path: Path) -> None:
    found = keycloak.read(written(tmp_path, REALM))
    assert set(found.scopes) == {
        "order:create:equity",
        "order:cancel",
        "desk:frobnicate",
        "trade:view:own",
        "quote:create",
    }
    assert found.roles == {
        "maker": ServerRole("", ("quote:create",)),
        "head": ServerRole("", (), ("maker", "trader", "w")),
        "trader": ServerRole("Trades", ("order:create:equity", "order:cancel")),
        "w": ServerRole("", ()),
    }


def test_an_okta_server(tmp_path: Path) -> None:
    found = okta.read(written(tmp_path, SERVER))
    assert found.scopes == {"order:create:limit": "Limit orders", "order:cancel": "Cancel"}
    assert found.roles == {
        "Traders": ServerRole("All desks", ("order:create:limit", "order:cancel")),
        "Ops": ServerRole("", ("order:cancel",)),
    }
    assert okta.read(written(tmp_path, SERVER["scopes"])).roles == {}


@pytest.mark.parametrize("read", [keycloak.read, okta.read])
@pytest.mark.parametrize("data", [None, 1, [], {}, {"clientScopes": 5, "scopes": [1], "roles": [], "groups": {}}])
def test_what_is_no_export(tmp_path: Path, read: Any, data: object) -> None:  # noqa: ANN401 (either reader)
    with pytest.raises(ToolError, match=r"export\.json"):
        read(written(tmp_path, data))


def test_no_json(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("{")
    with pytest.raises(ToolError, match="is no JSON"):
        keycloak.read(path)


def test_the_mapping_of_a_realm(tmp_path: Path) -> None:
    draft = exported.draft(keycloak.read(written(tmp_path, REALM)), "fix", "FIX.4.4", "Made.")
    result = finish.finish(draft, tmp_path / "fix.yaml", force=False)
    assert result.clean
    assert result.coverage == 100
    assert draft.role_claim == "realm_access.roles"
    assert {role.name: (role.scopes, role.roles) for role in draft.roles} == {
        "head": ((), ("maker", "trader")),
        "maker": (("quote:create",), ()),
        "trader": (("order:cancel", "order:create:equity"), ()),
    }
    assert any(note.endswith("left out: desk:frobnicate.") for note in draft.notes)
    assert any(note.endswith("left out: w.") for note in draft.notes)


def test_roles_that_include_each_other(tmp_path: Path) -> None:
    roles = {"a": ServerRole("", ("order:cancel",), ("b",)), "b": ServerRole("", ("order:cancel",), ("a",))}
    draft = exported.draft(Exported({"order:cancel": ""}, roles, "roles"), "x", "FIX.4.4", "Made.")
    assert finish.finish(draft, tmp_path / "x.yaml", force=False).clean


def test_nothing_that_tells(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no scope's name tells"):
        exported.draft(Exported({"desk:frobnicate": ""}, {}, "roles"), "x", "FIX.4.4", "Made.")
