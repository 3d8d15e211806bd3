from __future__ import annotations

import json
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner, Result

from authzsvc.cli.app import app
from authzsvc.errors import ToolError


def run(*arguments: str, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, ["token", *arguments], input=given)
    if isinstance(result.exception, ToolError):
        raise result.exception
    return result


def test_the_token_stands_alone_on_standard_output(tmp_path: Path) -> None:
    options = [
        "--scopes",
        "a b",
        "--sub",
        "s",
        "--client-id",
        "c",
        "--comp-id",
        "ALGO",
        "--claims",
        '{"accounts": ["A1"]}',
    ]
    result = run("mint", "--keys", str(tmp_path), *options)
    claims = jwt.decode(result.stdout.strip(), options={"verify_signature": False})
    assert result.stdout.count("\n") == 1
    assert (claims["scope"], claims["sub"], claims["client_id"], claims["fix_comp_id"]) == ("a b", "s", "c", "ALGO")
    assert claims["accounts"] == ["A1"]
    assert "development keys" in result.stderr


def test_a_negative_time_to_live(tmp_path: Path) -> None:
    minted = run("mint", "--keys", str(tmp_path), "--ttl-s", "-60").stdout.strip()
    assert "ago" in run("inspect", minted).stdout.split("exp:")[1]


@pytest.mark.parametrize("claims", ["[]", "nonsense", "3"])
def test_claims_that_are_no_object(tmp_path: Path, claims: str) -> None:
    with pytest.raises(ToolError, match="not a JSON object"):
        run("mint", "--keys", str(tmp_path), "--claims", claims)


def test_inspect_never_seems_to_verify(tmp_path: Path) -> None:
    minted = run("mint", "--keys", str(tmp_path)).stdout
    result = run("inspect", "-", given=minted)
    assert result.exit_code == 0
    assert "signature: not verified" in result.stdout
    assert json.loads(result.stdout.split("header\n")[1].split("claims\n")[0])["alg"] == "ES256"


def test_inspect_verifies_with_a_key_set(tmp_path: Path) -> None:
    minted = run("mint", "--keys", str(tmp_path / "mine")).stdout.strip()
    run("mint", "--keys", str(tmp_path / "other"))
    good = run("inspect", minted, "--jwks", str(tmp_path / "mine" / "development-jwks.json"))
    bad = run("inspect", minted, "--jwks", str(tmp_path / "other" / "development-jwks.json"))
    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "signature: verified" in good.stdout
    assert "does NOT hold" in bad.stdout
