"""The search for secrets finds them in every form, and nothing where there is none."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from authzsvc.tokens.development import DevelopmentIssuer
from tests.e2e.certificates import Authority
from tests.e2e.secrets import Secrets, recorded

PASSWORD = "correct horse/battery+staple"
OPAQUE = "Zk3vQ0r8WmXb2cT5yUeHs9LpNd7-fGq1_JtRa4xBoVi"

Write = Callable[[str], bytes]


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A JWT as the tests use them."""
    issuer = DevelopmentIssuer.create(tmp_path / "keys")
    return issuer.mint(scopes=["order:cancel"], comp_id="ALGO")


def knowing(*secrets: str) -> Secrets:
    used = Secrets()
    for secret in secrets:
        used.add_token(secret)
    return used


def pem(key: PrivateKeyTypes) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


WAYS: dict[str, Write] = {
    "as it is": str.encode,
    "in a line of a log": lambda secret: f"logon 554={secret}\x0198=0\n".encode(),
    "in base64": lambda secret: base64.b64encode(secret.encode()),
    "in base64, one byte in": lambda secret: base64.b64encode(b"x" + secret.encode() + b"more"),
    "in base64, two bytes in": lambda secret: base64.b64encode(b"xx" + secret.encode() + b"more"),
    "as basic credentials": lambda secret: base64.b64encode(f"client:{secret}".encode()),
    "in base64url": lambda secret: base64.urlsafe_b64encode(secret.encode()),
    "in hex": lambda secret: secret.encode().hex().encode(),
    "in a query": lambda secret: quote(secret, safe="").encode(),
    "in a form": lambda secret: quote_plus(secret).encode(),
    "in bytes that are no text": lambda secret: b"\xff\x00" + secret.encode() + b"\xfe",
}


@pytest.mark.parametrize("write", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("secret", [PASSWORD, OPAQUE, "hunter22", "päßwörter"])
def test_a_secret_is_found_in_every_form(secret: str, write: Write) -> None:
    assert knowing(secret).find_in(b"before " + write(secret) + b" after") is not None


def test_a_part_of_a_secret_is_found() -> None:
    used = knowing(OPAQUE)
    assert used.find_in(f"token {OPAQUE[2:-1]}...".encode()) == (6 + 14, "a piece of a secret")
    assert used.find_in(f"token {OPAQUE[:6]}...".encode()) is None


def test_a_token_is_found_by_any_of_its_secret_parts(token: str) -> None:
    used = knowing(token)
    header, payload, signature = token.split(".")
    assert used.find_in(signature.encode()) is not None
    assert used.find_in(signature[30:60].encode()) is not None
    assert used.find_in(payload.encode()) is not None
    assert used.find_in(payload[-40:].encode()) is not None
    assert used.find_in(base64.b64encode(f"Bearer {token}".encode())) is not None
    assert used.find_in(header.encode()) is None


def test_an_unknown_token_is_found_by_its_shape(token: str) -> None:
    assert Secrets().find_in(f"554={token}".encode()) == (4, "a signed JWT")


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
def test_a_private_key_is_found_and_its_public_half_is_not(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    used = Secrets()
    used.add_pem(pem(key))
    assert used.find_in(pem(key).encode()) == (0, "a private key")
    assert used.find_in("".join(pem(key).splitlines()[1:-1]).encode()) is not None
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    assert used.find_in(der.hex().encode()) is not None
    assert used.find_in(base64.b64encode(b"x" + der)) is not None
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert used.find_in(public) is None


def test_the_search_goes_below_the_folder_and_spares_only_the_exempt(tmp_path: Path) -> None:
    used = knowing(PASSWORD)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    leak = tmp_path / "deep" / "er" / "envoy.log"
    leak.write_text(f"password {PASSWORD}")
    (tmp_path / "clean.log").write_text("password ***")
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"secret": PASSWORD}))
    assert {finding.file for finding in used.search([tmp_path])} == {leak, settings}
    used.exempt(settings)
    (finding,) = used.search([tmp_path])
    assert str(finding) == f"{leak}: byte 17: a piece of a secret"
    assert PASSWORD not in str(finding)


def test_a_database_and_its_log_are_searched(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "store.sqlite")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE sessions (note TEXT)")
    database.execute("INSERT INTO sessions VALUES (?)", (OPAQUE,))
    database.commit()
    found = {finding.file.name for finding in knowing(OPAQUE).search([tmp_path])}
    database.close()
    assert "store.sqlite-wal" in found


def test_what_an_issuer_mints_is_noted(tmp_path: Path) -> None:
    used = Secrets()
    before = DevelopmentIssuer.mint
    with recorded(used):
        token = DevelopmentIssuer.create(tmp_path / "keys").mint(scopes=["order:cancel"])
    assert used.find_in(token.rpartition(".")[2].encode()) is not None
    assert list(used.search([tmp_path])) == []
    assert DevelopmentIssuer.mint is before
    assert isinstance(DevelopmentIssuer.create(tmp_path / "more"), DevelopmentIssuer)


def test_a_certificate_gives_nothing_away(tmp_path: Path) -> None:
    used = Secrets()
    issued = Authority(tmp_path, "ca").issue_workload("spiffe://venue.example/algo")
    used.add_pem(Path(issued.key).read_text())
    assert {finding.file for finding in used.search([tmp_path])} == {Path(issued.key)}


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 8"):
        Secrets().add("1234567")
