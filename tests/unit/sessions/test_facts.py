from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.errors import StoreError
from authzsvc.sessions.facts import decode, encode, fingerprint
from authzsvc.tokens.credential import Credential, Scheme
from tests.unit.sessions.building import session, who

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.frozensets(st.text(), max_size=4), st.binary(max_size=40))
def test_what_is_written_can_be_read(claims: dict[str, object], names: frozenset[str], credential: bytes) -> None:
    facts = replace(session("s"), identity=who(claims=claims, scopes=names), roles=names, credential=credential)
    assert decode(encode(facts)) == facts


@given(JSON | st.fixed_dictionaries({"key": JSON, "id": JSON, "identity": JSON}))
def test_what_is_no_session_is_refused(data: object) -> None:
    with pytest.raises(StoreError):
        decode(json.dumps(data).encode())


@given(st.binary())
def test_noise_is_refused(raw: bytes) -> None:
    with pytest.raises(StoreError):
        decode(raw)


@pytest.mark.parametrize("name", ["id", "key", "identity", "roles", "context", "credential", "logged_on_at"])
def test_a_field_that_is_missing_or_of_the_wrong_kind_is_refused(name: str) -> None:
    data = json.loads(encode(session("s")))
    with pytest.raises(StoreError):
        decode(json.dumps({**data, name: 7.5 if name != "logged_on_at" else "noon"}).encode())
    del data[name]
    with pytest.raises(StoreError):
        decode(json.dumps(data).encode())


def test_claims_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(StoreError, match="claims cannot be written"):
        encode(session("s", claims={"odd": object()}))


def test_a_credential_is_named_and_never_told() -> None:
    token = Credential(Scheme.BEARER, "eyJ.secret")
    assert fingerprint(b"salt", token) == fingerprint(b"salt", token) != fingerprint(b"other", token)
    assert b"secret" not in fingerprint(b"salt", token)
    assert fingerprint(b"salt", Credential(Scheme.BASIC, "hunter2", "me")) == b""
    assert "\\x00" not in repr(session("s"))
