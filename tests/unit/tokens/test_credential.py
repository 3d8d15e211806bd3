"""An `authorization` header as a credential."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.tokens.credential import Credential, Scheme, read

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def basic(username: str, secret: str) -> str:
    joined = f"{quote_plus(username)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(joined.encode()).decode()


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_a_token_in_any_case_of_the_scheme(header: str) -> None:
    assert read(header) == Credential(Scheme.BEARER, "abc")


@given(WORDS, WORDS)
def test_a_client_id_and_secret_come_back_whatever_they_hold(username: str, secret: str) -> None:
    assert read(basic(username, secret)) == Credential(Scheme.BASIC, secret, username)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic", "Basic !", "Basic YQ==", basic("", "x"), basic("x", ""), "Digest abc"]
    + ["Basic " + base64.b64encode(raw).decode() for raw in (b"\xff:x", b"a:%ff", b"a%ff:x")],
)
def test_what_cannot_be_read_is_none(header: str) -> None:
    assert read(header) is None


def test_prints_no_secret() -> None:
    for credential in (Credential(Scheme.BEARER, "topsecret"), Credential(Scheme.BASIC, "topsecret", "me")):
        assert "topsecret" not in repr(credential)
        assert b"topsecret" not in credential.digest()


@given(WORDS, WORDS, WORDS, WORDS)
def test_no_two_credentials_share_a_digest(name: str, secret: str, other_name: str, other_secret: str) -> None:
    one, other = Credential(Scheme.BASIC, secret, name), Credential(Scheme.BASIC, other_secret, other_name)
    assert (one.digest() == other.digest()) == (one == other)
    assert Credential(Scheme.BEARER, secret).digest() != one.digest()
