"""Exports for authorization servers, and their way back: what was exported is imported with the same roles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from authzsvc.demo.stack import find_mapping
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.workflow.exports import fusionauth, keycloak, okta, profile, terraform
from authzsvc.workflow.exports.profile import Profile
from authzsvc.workflow.imports import keycloak as from_keycloak
from authzsvc.workflow.imports import okta as from_okta
from authzsvc.workflow.imports.exported import Exported


@pytest.fixture(scope="module")
def institutional() -> Policy:
    return compile_mapping(find_mapping("institutional.yaml"))


@pytest.fixture
def found(desk: Policy) -> Profile:
    return profile.of(desk)


def test_the_profile(found: Profile) -> None:
    assert [(scope.name, scope.description) for scope in found.scopes] == [
        ("order:cancel", "OrderCancelRequest inbound"),
        ("order:create:equity", "Buy and sell shares"),
        ("order:create:restricted", "Trade what is restricted"),
        ("trade:view:own", "ExecutionReport outbound"),
    ]
    (canceller, trader) = found.roles
    assert (trader.name, trader.roles, trader.own) == ("trader", ("canceller",), ("order:create:equity",))
    assert trader.scopes == ("order:cancel", "order:create:equity")
    assert (canceller.roles, canceller.scopes) == ((), ("order:cancel",))


def test_a_role_names_the_roles_that_it_includes_itself(write: Callable[..., Path]) -> None:
    head = ("  trader: {scopes", "  head: {roles: [trader, canceller]}\n  trader: {scopes")
    roles = {role.name: role.roles for role in profile.of(compile_mapping(write(head))).roles}
    assert roles["head"] == ("trader",)


def test_keycloak(found: Profile) -> None:
    document: Any = keycloak.document(found)
    assert [scope["name"] for scope in document["clientScopes"]] == [scope.name for scope in found.scopes]
    assert document["clientScopes"][0]["attributes"]["include.in.token.scope"] == "true"
    canceller, trader = document["roles"]["realm"]
    assert (canceller["composite"], "composites" in canceller) == (False, False)
    assert (trader["composite"], trader["composites"]) == (True, {"realm": ["canceller"]})


def test_okta(found: Profile) -> None:
    document: Any = okta.document(found)
    (policy,) = document["policies"]
    assert [rule["conditions"]["people"]["groups"]["include"] for rule in policy["rules"]] == [
        ["canceller"],
        ["trader"],
    ]
    assert policy["rules"][1]["conditions"]["scopes"]["include"] == ["order:cancel", "order:create:equity"]


def test_fusionauth(found: Profile) -> None:
    document: Any = fusionauth.document(found)
    assert [role["name"] for role in document["application"]["roles"]] == ["canceller", "trader"]
    names = [scope.name for scope in found.scopes]
    assert [one["scope"]["name"] for one in document["scopes"]] == names
    assert [one["name"] for one in document["entityType"]["permissions"]] == names


def test_terraform(found: Profile) -> None:
    text = terraform.text(found)
    assert len(re.findall(r'^resource "keycloak_openid_client_scope"', text, re.MULTILINE)) == 4
    assert "  composite_roles = [keycloak_role.canceller.id]\n" in text
    assert '    "fix.scopes" = "order:cancel##order:create:equity"\n' in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", '"plain"'),
        ('a "b" \\c', '"a \\"b\\" \\\\c"'),
        ("${x} %{y} $z", '"$${x} %%{y} $z"'),
        ("one\ntwo\x07", '"one\\ntwo\\u0007"'),
    ],
)
def test_a_text_of_hcl(text: str, shown: str) -> None:
    assert terraform.quoted(text) == shown


def test_identifiers_are_the_scopes_own(write: Callable[..., Path]) -> None:
    mapping = compile_mapping(
        write(
            ("  order:cancel:\n", "  order_cancel:x:\n    grants: [{message: News}]\n  order:cancel:\n"),
            ("  trade:view:own:", "  order:cancel:x:"),
        )
    )
    identifiers = re.findall(r'^resource "\w+" "(\w+)"', terraform.text(profile.of(mapping)), re.MULTILINE)
    assert len(identifiers) == len(set(identifiers)) == 7


@pytest.mark.parametrize(
    ("document", "read"), [(keycloak.document, from_keycloak.read), (okta.document, from_okta.read)]
)
def test_what_was_exported_is_imported_again(
    institutional: Policy,
    document: Callable[[Profile], dict[str, object]],
    read: Callable[[Path], Exported],
    tmp_path: Path,
) -> None:
    path = tmp_path / "export.json"
    exported = profile.of(institutional)
    path.write_text(json.dumps(document(exported)))
    found = read(path)
    assert found.scopes == {scope.name: scope.description for scope in exported.scopes}
    assert {name: set(role.scopes) for name, role in found.roles.items()} == {
        role.name: set(role.scopes) for role in exported.roles
    }
