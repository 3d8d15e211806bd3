"""Operators from elsewhere prove who they are, by certificate and token; who does not is refused, and noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from authzsvc.demo.stack import Stack
from authzsvc.tokens.development import ISSUER
from tests.e2e.certificates import Authority, Pem
from tests.e2e.conftest import StartStack
from tests.e2e.operators import Outcome, command
from tests.e2e.pages import metrics_address
from tests.e2e.rig import TRADER, Rig
from tests.e2e.secrets import USED

ADMIN = "fix:admin"
ANN = "ann@desk.example"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, authority: Authority) -> Stack:
    """A stack whose operators come over TCP, with a certificate and a token."""
    server = authority.issue_server()
    admin = {
        "tcp": metrics_address(),
        "tls": {"cert": server.cert, "key": server.key, "client_ca": authority.ca},
        "token": {"issuer": ISSUER, "scope": ADMIN},
        "operators": [ANN],
    }
    return start_stack(service_settings={"admin": admin})


@pytest.fixture(scope="module")
def ann(authority: Authority) -> Pem:
    """An operator's certificate."""
    return authority.issue("ann", x509.RFC822Name(ANN))


def token_file(stack: Stack, folder: Path, *scopes: str, **more: Any) -> str:  # noqa: ANN401 (those of `mint`)
    """An access token in a file."""
    path = folder / "token"
    USED.exempt(path)
    path.write_text(stack.issuer.mint(scopes=scopes, subject="ann", **more))
    return str(path)


async def kill(stack: Stack, authority: Authority, own: Pem | None, token: str | None, comp_id: str) -> Outcome:
    """`session kill`, with what an operator has to show."""
    shown = [] if own is None else ["--cert", own.cert, "--key", own.key]
    shown += [] if token is None else ["--token-file", token]
    where = ["--admin", stack.service_settings["admin"]["tcp"], "--ca", authority.ca]
    return await command("session", "kill", "--comp-id", comp_id, "--reason", "runaway", *where, *shown)


async def test_certificate_and_token(rig: Rig, authority: Authority, ann: Pem, tmp_path: Path) -> None:
    client = await rig.log_on(*TRADER)
    token = token_file(rig.stack, tmp_path, ADMIN)
    outcome = await kill(rig.stack, authority, ann, token, client.comp_id)
    assert outcome.code == 0, outcome.errors
    client.beat(0.2)
    assert (await client.wait_for_type("5")).get(58) == "runaway"
    event = rig.stack.wait_for_event(event="admin", verdict="allow")
    assert (event["admin"]["operator"], event["admin"]["claimed"]) == ("ann", False)
    assert (event["admin"]["value"], event["admin"]["hit"]) == (client.comp_id, 1)


@pytest.mark.parametrize(
    ("scopes", "more", "words"),
    [
        ((), {}, "has no scope"),
        (("fix:adm",), {}, "has no scope"),
        ((ADMIN,), {"ttl_s": -1}, "access token expired"),
        ((ADMIN,), {"audience": "other"}, "token is not for this gateway"),
    ],
    ids=["no scope", "another scope", "expired", "another audience"],
)
async def test_a_token_that_does_not_do(
    rig: Rig, authority: Authority, ann: Pem, tmp_path: Path, scopes: tuple[str, ...], more: dict[str, Any], words: str
) -> None:
    client = await rig.log_on(*TRADER)
    outcome = await kill(rig.stack, authority, ann, token_file(rig.stack, tmp_path, *scopes, **more), client.comp_id)
    assert outcome.code == 1
    assert outcome.errors.startswith("refused: ")
    assert words in outcome.errors
    event = rig.stack.wait_for_event(event="admin", verdict="deny")
    assert event["severity"] == "high"
    assert event["admin"]["operator"] in {"ann", ANN}
    spread = client.spread()
    assert (await rig.at_venue(spread, client)).raw == spread.raw


async def test_without_a_certificate_or_with_a_strangers(
    rig: Rig, authority: Authority, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They do not get as far as asking."""
    token = token_file(rig.stack, tmp_path, ADMIN)
    strangers = Authority(tmp_path_factory.mktemp("stranger"), "stranger").issue("ann", x509.RFC822Name(ANN))
    for own in (None, strangers):
        outcome = await kill(rig.stack, authority, own, token, "NOBODY")
        assert outcome.code != 0
        assert "does not answer" in outcome.errors


async def test_a_name_that_is_no_operators(rig: Rig, authority: Authority, tmp_path: Path) -> None:
    bob = authority.issue("bob", x509.RFC822Name("bob@desk.example"))
    outcome = await kill(rig.stack, authority, bob, token_file(rig.stack, tmp_path, ADMIN), "NOBODY")
    assert (outcome.code, "not one of `admin.operators`" in outcome.errors) == (1, True)
    refused = [event for event in rig.stack.events() if event["event"] == "admin" and event["verdict"] == "deny"]
    assert "bob@desk.example" in {event["admin"]["operator"] for event in refused}
