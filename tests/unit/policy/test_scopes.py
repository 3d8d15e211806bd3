"""Scopes and their wildcards."""

from __future__ import annotations

import pytest

from authzsvc.policy.scopes import SCOPE_SHAPE, covers, resolve

DEFINED = frozenset({"order:create:equity", "order:cancel", "order:cancel:all", "order:replace", "quote:create:equity"})


@pytest.mark.parametrize(
    ("held", "defined"),
    [
        ("order:cancel", "order:cancel"),
        ("order:*", "order:cancel"),
        ("order:*:equity", "order:create:equity"),
        ("order:create:*", "order:create:equity"),
        ("*:create:equity", "quote:create:equity"),
        ("order:*:*", "order:cancel:all"),
    ],
)
def test_covers(held: str, defined: str) -> None:
    assert covers(held, defined)


@pytest.mark.parametrize(
    ("held", "defined"),
    [
        ("*", "order:cancel"),
        ("*:*", "order:cancel"),
        ("*:*:*", "order:cancel:all"),
        ("order:*", "order:cancel:all"),
        ("order:*:*", "order:cancel"),
        ("order:*:equity", "order:create:future"),
        ("order:can*", "order:cancel"),
        ("order:**", "order:cancel"),
        ("order:cancel", "order:cancel:all"),
        ("order:cancel:all", "order:cancel"),
        ("ORDER:CANCEL", "order:cancel"),
        ("order:", "order:cancel"),
        ("order:?ancel", "order:cancel"),
        ("", "order:cancel"),
    ],
)
def test_does_not_cover(held: str, defined: str) -> None:
    assert not covers(held, defined)


def test_what_a_token_holds_of_a_mapping() -> None:
    assert resolve({"order:*", "quote:create:equity", "unknown:scope"}, DEFINED) == {
        *("order:cancel", "order:replace", "quote:create:equity"),
    }


def test_no_scopes_cover_nothing() -> None:
    assert resolve(frozenset(), DEFINED) == frozenset()


@pytest.mark.parametrize("scope", ["order:cancel", "order:create:option_multileg", "a:b:c:d", "x-1:y.z"])
def test_the_shape_of_a_scope(scope: str) -> None:
    assert SCOPE_SHAPE.fullmatch(scope)


@pytest.mark.parametrize(
    "scope", ["order", "order:", ":cancel", "order::x", "order:*", "order cancel:x", "order:cancel\n"]
)
def test_what_has_not_the_shape_of_a_scope(scope: str) -> None:
    assert not SCOPE_SHAPE.fullmatch(scope)
