"""Signatures of mappings: what they hold against, and what is said where they do not."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from authzsvc.errors import SignatureError, ToolError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import signing

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return signing.generate(tmp_path_factory.mktemp("keys"))


def signed(mapping: Path, private: Path) -> Path:
    place = signing.path_of(mapping)
    signing.write(place, signing.sign(compile_mapping(mapping).digest, signing.load_private(private)))
    return place


def held(mapping: Path, public: Path) -> signing.Signature:
    return signing.verify(compile_mapping(mapping).digest, signing.path_of(mapping), signing.load_public(public))


def test_a_signature_holds(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    assert signed(mapping, keys[0]) == mapping.parent / "desk.yaml.sig"
    found = held(mapping, keys[1])
    assert (found.algorithm, found.digest) == ("Ed25519", compile_mapping(mapping).digest)


def test_a_change_of_words_alone_does_not_matter(write: Write, keys: tuple[Path, Path]) -> None:
    signed(write(), keys[0])
    mapping = write(("description: Buy and sell shares", "description: Shares"), ("version: 1", "# words\nversion: 1"))
    assert held(mapping, keys[1])


def test_a_change_of_meaning_does(write: Write, keys: tuple[Path, Path]) -> None:
    signed(write(), keys[0])
    with pytest.raises(SignatureError, match="the meaning has changed since it was signed"):
        held(write(("EVIL, WORSE", "EVIL")), keys[1])


def test_nor_does_a_signature_file_that_names_the_new_digest(write: Write, keys: tuple[Path, Path]) -> None:
    place = signed(write(), keys[0])
    mapping = write(("EVIL, WORSE", "EVIL"))
    place.write_text(json.dumps(json.loads(place.read_text()) | {"digest": compile_mapping(mapping).digest}))
    with pytest.raises(SignatureError, match="a signature that does not hold"):
        held(mapping, keys[1])


def test_another_key(write: Write, keys: tuple[Path, Path], tmp_path: Path) -> None:
    mapping = write()
    other, _ = signing.generate(tmp_path / "other")
    place = signed(mapping, other)
    with pytest.raises(SignatureError, match="signed with another key"):
        held(mapping, keys[1])
    claimed = signing.key_id(signing.load_public(keys[1]))
    place.write_text(json.dumps(json.loads(place.read_text()) | {"key_id": claimed}))
    with pytest.raises(SignatureError, match="a signature that does not hold"):
        held(mapping, keys[1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"signature": "AAAA"}, "a signature that does not hold"),
        ({"signature": "not base64!"}, "a signature that does not hold"),
        ({"signature": "é"}, "a signature that does not hold"),
        ({"signature": 7}, "no signature of a mapping"),
        ({"more": "x"}, "no signature of a mapping"),
        ({"algorithm": "none"}, "not signed with Ed25519"),
    ],
)
def test_a_tampered_signature(write: Write, keys: tuple[Path, Path], change: dict[str, object], said: str) -> None:
    mapping = write()
    place = signed(mapping, keys[0])
    place.write_text(json.dumps(json.loads(place.read_text()) | change))
    with pytest.raises(SignatureError, match=said):
        held(mapping, keys[1])


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "\0", "[" * 100_000, "{" * 10])
def test_what_is_no_signature(write: Write, keys: tuple[Path, Path], text: str) -> None:
    mapping = write()
    signing.path_of(mapping).write_text(text)
    with pytest.raises(SignatureError, match="no signature of a mapping"):
        held(mapping, keys[1])


def test_none_at_all(write: Write, keys: tuple[Path, Path]) -> None:
    with pytest.raises(SignatureError, match=r"desk\.yaml\.sig` cannot be read: no such file .*mapping sign"):
        held(write(), keys[1])


def test_a_key_pair_is_the_owners_and_made_once(tmp_path: Path) -> None:
    private, public = signing.generate(tmp_path / "new" / "keys")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    before = private.read_bytes()
    with pytest.raises(ToolError, match="is there already"):
        signing.generate(private.parent)
    assert private.read_bytes() == before


def test_keys_of_other_kinds(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (tmp_path / "ec").write_bytes(
        curve.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "ec.pub").write_bytes(
        curve.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for wrong in (tmp_path / "ec", keys[1]):
        with pytest.raises(SignatureError, match="is no Ed25519 private key"):
            signing.load_private(wrong)
    for wrong in (tmp_path / "ec.pub", keys[0]):
        with pytest.raises(SignatureError, match="is no Ed25519 public key"):
            signing.load_public(wrong)
    with pytest.raises(SignatureError, match="cannot be read"):
        signing.load_public(tmp_path / "none")
