"""Signatures of mappings: what they hold against, and what is said where they do not."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
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


def signed(mapping: Path, private: Path, serial: int = 7) -> Path:
    place, policy = signing.path_of(mapping), compile_mapping(mapping)
    signing.write(place, signing.sign(policy.name, policy.digest, serial, signing.load_private(private)))
    return place


def held(mapping: Path, public: Path) -> signing.Signature:
    policy = compile_mapping(mapping)
    return signing.verify(policy.name, policy.digest, signing.path_of(mapping), signing.load_public(public))


def test_a_signature_holds(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    assert signed(mapping, keys[0]) == mapping.parent / "desk.yaml.sig"
    found = held(mapping, keys[1])
    assert (found.algorithm, found.digest) == ("Ed25519", compile_mapping(mapping).digest)
    assert (found.name, found.serial) == ("desk", 7)


def test_a_change_of_words_alone_does_not_matter(write: Write, keys: tuple[Path, Path]) -> None:
    signed(write(), keys[0])
    mapping = write(("description: Buy and sell shares", "description: Shares"), ("version: 2", "# words\nversion: 2"))
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
        ({"serial": 8}, "a signature that does not hold"),
        ({"serial": "7"}, "no signature of a mapping"),
        ({"serial": 7.0}, "no signature of a mapping"),
        ({"serial": True}, "no signature of a mapping"),
        ({"serial": 0}, "no signature of a mapping"),
        ({"serial": 10**19}, "no signature of a mapping"),
        ({"name": "other"}, "is of mapping `other`, not of `desk`"),
    ],
)
def test_a_tampered_signature(write: Write, keys: tuple[Path, Path], change: dict[str, object], said: str) -> None:
    mapping = write()
    place = signed(mapping, keys[0])
    place.write_text(json.dumps(json.loads(place.read_text()) | change))
    with pytest.raises(SignatureError, match=said):
        held(mapping, keys[1])


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "\0", "[" * 60_000, "{" * 10])
def test_what_is_no_signature(write: Write, keys: tuple[Path, Path], text: str) -> None:
    mapping = write()
    signing.path_of(mapping).write_text(text)
    with pytest.raises(SignatureError, match="no signature of a mapping"):
        held(mapping, keys[1])


def test_one_of_an_earlier_version_has_no_serial(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    place = signed(mapping, keys[0])
    said = json.loads(place.read_text())
    place.write_text(json.dumps({name: said[name] for name in ("algorithm", "key_id", "digest", "signature")}))
    with pytest.raises(SignatureError, match=r"has no serial, as an earlier version made it .*mapping sign"):
        held(mapping, keys[1])


def test_a_mapping_of_another_name_needs_a_signature_of_its_own(write: Write, keys: tuple[Path, Path]) -> None:
    place = signed(write(), keys[0])
    mapping = write(("name: desk", "name: other"))
    with pytest.raises(SignatureError, match="is of mapping `desk`, not of `other`"):
        held(mapping, keys[1])
    place.write_text(json.dumps(json.loads(place.read_text()) | {"name": "other"}))
    with pytest.raises(SignatureError, match="does not hold"):
        held(mapping, keys[1])


NOON = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)


def serial(mapping: Path, public: Path, *, digest: str = "", now: datetime = NOON, renew: bool = False) -> int:
    policy, key = compile_mapping(mapping), signing.load_public(public)
    place = signing.path_of(mapping)
    return signing.serial_for(policy.name, digest or policy.digest, place, key, now=now, renew=renew)


def test_a_serial_is_the_time_of_signing(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    assert serial(mapping, keys[1]) == 20261130120000
    assert serial(mapping, keys[1], now=NOON.astimezone(timezone(timedelta(hours=5)))) == 20261130120000


def test_what_is_signed_keeps_its_serial_unless_told_otherwise(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    signed(mapping, keys[0])
    assert serial(mapping, keys[1]) == 7
    assert serial(mapping, keys[1], renew=True) == 20261130120000
    assert serial(mapping, keys[1], digest="other") == 20261130120000


def test_a_serial_rises_though_the_clock_does_not(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    signed(mapping, keys[0], 20270101000000)
    assert serial(mapping, keys[1], digest="other") == 20270101000001


def test_a_signature_that_does_not_hold_says_nothing_of_serials(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    place = signed(mapping, keys[0])
    place.write_text(json.dumps(json.loads(place.read_text()) | {"serial": 10**17}))
    assert serial(mapping, keys[1], digest="other") == 20261130120000


def test_none_at_all(write: Write, keys: tuple[Path, Path]) -> None:
    with pytest.raises(SignatureError, match=r"desk\.yaml\.sig` cannot be read: no such file .*mapping sign"):
        held(write(), keys[1])


def test_a_signature_that_is_far_too_large(write: Write, keys: tuple[Path, Path]) -> None:
    mapping = write()
    signing.path_of(mapping).write_text(" " * 100_000)
    with pytest.raises(SignatureError, match="cannot be read: it is larger than 65536 bytes"):
        held(mapping, keys[1])


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
