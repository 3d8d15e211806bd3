from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.tokens.claims import Identity
from authzsvc.username import is_the_clients
from tests.unit.checks import MAPPING

CLAIMS = {
    "preferred_username": "service-account-algo",
    "fix_comp_id": ["ALGO", "ALGO-2"],
    "desks": "desk-1",
    "venues": ["VENUE"],
    "email": "algo@example.com",
}
WHO = Identity("https://as", "0d1f-subject", "algo", "", frozenset(), 0.0, CLAIMS)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    file = tmp_path / "mapping.yaml"
    bound = "identity: {SenderCompID: fix_comp_id, SenderSubID: desks, TargetCompID: venues}"
    file.write_text(MAPPING.replace("identity: {SenderCompID: fix_comp_id}", bound))
    return compile_mapping(file)


def accepted(policy: Policy, *usernames: bytes) -> bool:
    return is_the_clients(Fields(tuple((553, username) for username in usernames)), WHO, policy)


@pytest.mark.parametrize("name", [b"algo", b"0d1f-subject", b"service-account-algo", b"ALGO", b"ALGO-2", b"desk-1"])
def test_a_name_of_the_client(policy: Policy, name: bytes) -> None:
    assert accepted(policy, name)


@pytest.mark.parametrize(
    "name", [b"", b"Algo", b"algo ", b"VENUE", b"algo@example.com", b"other", b"\xff", b"https://as"]
)
def test_another_name(policy: Policy, name: bytes) -> None:
    assert not accepted(policy, name)


def test_each_of_several_must_be_the_clients(policy: Policy) -> None:
    assert not accepted(policy)
    assert accepted(policy, b"algo", b"ALGO")
    assert not accepted(policy, b"algo", b"other")
