"""Scopes and their wildcards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.policy.scopes import SCOPE_TOKEN, Defined, covers, resolve

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
        ("read", "read"),
        ("fix/order:create", "fix/order:create"),
        ("https://api.example/fix.order", "https://api.example/fix.order"),
        ("*", "*"),
    ],
)
def test_covers(held: str, defined: str) -> None:
    assert covers(held, defined)
    assert defined in Defined(frozenset({defined})).covered(held)


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
        ("*", "read"),
        ("*:create", "fix/order:create"),
        ("https:*", "https://api.example"),
        ("fix/order:*", "fix/order:create"),
    ],
)
def test_does_not_cover(held: str, defined: str) -> None:
    assert not covers(held, defined)
    assert defined not in Defined(frozenset({defined})).covered(held)


@pytest.mark.parametrize(
    ("held", "defined", "expected"),
    [
        ("order:create", "order:create:equity", True),
        ("order:*", "order:create:equity", True),
        ("*:create", "order:create:equity", True),
        ("order:create:equity", "order:create:equity", True),
        ("order:create:equity", "order:create", False),
        ("order:create:eq", "order:create:equity", False),
        ("order:cre", "order:create:equity", False),
        ("order", "order:create", False),
        ("*", "order:create", False),
        ("*:*", "order:create:equity", False),
        ("read", "read:all", False),
        ("order:create", "order:create:a/b", False),
        ("https:", "https://api.example:443", False),
    ],
)
def test_prefixes(held: str, defined: str, expected: bool) -> None:
    assert covers(held, defined, prefixes=True) is expected
    assert (defined in Defined(frozenset({defined}), prefixes=True).covered(held)) is expected


SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "c.", "/d"]), min_size=1, max_size=4).map(":".join)
PLAIN = st.lists(st.sampled_from(["a", "b", "c.", "/d"]), min_size=1, max_size=4).map(":".join)


@given(SEGMENTS, st.frozensets(PLAIN, max_size=5), st.booleans())
def test_the_filed_scopes_are_those_that_one_by_one_are_covered(
    held: str, defined: frozenset[str], prefixes: bool
) -> None:
    expected = {scope for scope in defined if covers(held, scope, prefixes=prefixes)}
    assert Defined(defined, prefixes).covered(held) == expected


def test_what_a_token_holds_of_a_mapping() -> None:
    held, unknown = resolve({"order:*", "quote:create:equity", "unknown:scope", "admin"}, Defined(DEFINED))
    assert held == {"order:cancel", "order:replace", "quote:create:equity"}
    assert unknown == ("admin", "unknown:scope")


def test_no_scopes_cover_nothing() -> None:
    assert resolve(frozenset(), Defined(DEFINED)) == (frozenset(), ())


@given(st.text(st.characters(max_codepoint=0x17F), max_size=3))
def test_a_scope_is_a_scope_token_of_rfc_6749(scope: str) -> None:
    allowed = {0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)}
    assert (SCOPE_TOKEN.fullmatch(scope) is not None) == (scope != "" and {*map(ord, scope)} <= allowed)


@given(st.frozensets(st.from_regex(r"[ab](:[ab]){1,3}", fullmatch=True), min_size=1, max_size=8), st.booleans())
def test_covering_is_covered_the_other_way_round(scopes: frozenset[str], prefixes: bool) -> None:
    defined = Defined(scopes, prefixes)
    for scope in scopes:
        assert defined.covering((scope,)) == {other for other in scopes if scope in defined.covered(other)}
    assert defined.covering(scopes) == scopes
    assert defined.covering(("x:y",)) == defined.covering(()) == frozenset()
