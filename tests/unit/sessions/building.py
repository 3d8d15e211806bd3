"""Sessions, restrictions and revocations in a line each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from authzsvc.sessions.facts import SessionFacts, SessionKey
from authzsvc.sessions.restrictions import By, Mode, Restriction, Revocation, RevokedBy
from authzsvc.tokens.claims import Identity


def who(**facts: Any) -> Identity:  # noqa: ANN401 (any field of an Identity)
    return Identity(
        **{
            "issuer": "https://as",
            "subject": "svc",
            "client_id": "algo",
            "token_id": "t-1",
            "scopes": frozenset({"order:cancel"}),
            "expires_at": 2e9,
            "claims": {"sub": "svc"},
            "confirmation": "",
            "issued_at": 1000.0,
            **facts,
        }
    )


def key(sender: str = "ALGO", target: str = "VENUE") -> SessionKey:
    return SessionKey("FIX.4.4", sender, "", "", target, "", "", "")


def session(name: str, sender: str = "ALGO", roles: tuple[str, ...] = (), **identity: Any) -> SessionFacts:  # noqa: ANN401
    return SessionFacts(
        id=name,
        key=key(sender),
        identity=who(**identity),
        roles=frozenset(roles),
        address="192.0.2.7:40001",
        principal="spiffe://algo",
        context={"gateway": "gw-1"},
        logged_on_at=4e9,
        credential=b"\x00\xff",
    )


def restriction(
    name: str = "r-1", by: By = By.ALL, value: str = "", mode: Mode = Mode.KILL, at: float = 1.0
) -> Restriction:
    return Restriction(name, by, value, mode, "runaway orders", "unix:ann", at)


def revocation(
    name: str = "v-1",
    by: RevokedBy = RevokedBy.TOKEN_ID,
    value: str = "t-1",
    issuer: str = "",
    at: float = 1.0,
    until: float | None = None,
) -> Revocation:
    return Revocation(name, by, value, issuer, "stolen", "unix:ann", at, until)


async def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("what was waited for did not happen")
