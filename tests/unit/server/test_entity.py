"""Equal tags, equal decisions."""

from __future__ import annotations

from typing import Any

import pytest

from authzsvc.server.entity import tag
from authzsvc.standing import Limit
from tests.unit.sessions.building import who

LIMIT = Limit("text", "cancel-only `r-1`")


def of(policy: str = "p", standing: Limit | None = None, **identity: Any) -> str:  # noqa: ANN401
    return tag(policy, who(**identity), standing)


def test_a_tag_is_quoted_and_the_same_everywhere() -> None:
    assert of() == of()
    assert of() == '"' + of().strip('"') + '"'
    assert len(of()) == 34
    assert of(scopes=frozenset({"a", "b"})) == of(scopes=frozenset({"b", "a"}))


@pytest.mark.parametrize(
    "change",
    [
        {"policy": "q"},
        {"standing": LIMIT},
        {"issuer": "https://other"},
        {"subject": "other"},
        {"client_id": "other"},
        {"scopes": frozenset({"order:cancel", "order:status"})},
        {"claims": {"sub": "svc", "accounts": ["A"]}},
        {"claims": {"sub": "svc", "desk": {"id": 7}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_decisions_rest_on_changes_it(change: dict[str, Any]) -> None:
    assert of(**change) != of()


def test_what_each_renewal_changes_does_not() -> None:
    volatile = {"exp": 1.0, "iat": 2.0, "nbf": 3.0, "jti": "t-2"}
    assert of(claims={"sub": "svc", **volatile}, expires_at=1.0, issued_at=2.0, token_id="t-2") == of()


def test_odd_claims_have_a_tag() -> None:
    assert of(claims={"sub": "svc", "x": "\ud800", "y": [None, 1.5, {"z": True}]}) != of()


def test_two_limits_are_told_apart_by_their_reason() -> None:
    assert of(standing=LIMIT) != of(standing=Limit("text", "cancel-only `r-2`"))
