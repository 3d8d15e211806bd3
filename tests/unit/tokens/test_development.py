from __future__ import annotations

import json
import stat
from pathlib import Path

import jwt
import pytest

from authzsvc.errors import ToolError
from authzsvc.tokens.development import DevelopmentIssuer


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    DevelopmentIssuer.create(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted(directory.iterdir())] == [0o600, 0o600]


def test_the_key_set_holds_no_private_part(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer.create(tmp_path)
    (key,) = json.loads(issuer.jwks_path.read_bytes())["keys"]
    assert "d" not in key
    assert (key["kid"], key["alg"], key["use"]) == (issuer.key_id, "ES256", "sig")


def test_the_same_directory_has_the_same_key(tmp_path: Path) -> None:
    first, second = DevelopmentIssuer.create(tmp_path), DevelopmentIssuer.create(tmp_path)
    assert first.key_id == second.key_id
    assert DevelopmentIssuer.create(tmp_path / "other").key_id != first.key_id


def test_minted_claims(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer.create(tmp_path)
    token = issuer.mint(
        scopes=["a", "b"], subject="s", client_id="c", comp_id="ALGO", claims={"accounts": ["A1"], "jti": None}, now=100
    )
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims == {
        "iss": "https://development.invalid",
        "aud": "fix-gateway",
        "sub": "s",
        "client_id": "c",
        "scope": "a b",
        "fix_comp_id": "ALGO",
        "iat": 100,
        "exp": 3700,
        "accounts": ["A1"],
    }


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="development keys"):
        DevelopmentIssuer.create(tmp_path / "file")


def test_a_key_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "development-key.pem").write_text("nonsense")
    with pytest.raises(ToolError, match="no elliptic-curve key"):
        DevelopmentIssuer.create(tmp_path)
