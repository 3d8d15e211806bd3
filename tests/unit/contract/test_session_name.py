"""The two names of a session."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.contract.session_name import public_name


def test_the_vector_of_the_contract() -> None:
    # The core's tests have it too (envoy/core/src/session_name.rs).
    assert public_name("0123456789abcdef0123456789abcdef") == "ac03d0f84574ecd367c8c33fc9a1364c"


@pytest.mark.parametrize("secret", ["", "x" * 65, "a b", "a\n", "\u0661", "a/b"])
def test_what_is_no_name(secret: str) -> None:
    assert public_name(secret) == ""


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True))
def test_a_public_name_proves_nothing(secret: str) -> None:
    public = public_name(secret)
    assert len(public) == 32
    assert secret not in (public, public_name(public)) or len(secret) < 2
    assert public_name(public) != public
