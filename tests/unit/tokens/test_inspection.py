from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.errors import TokenError
from authzsvc.tokens.development import DevelopmentIssuer
from authzsvc.tokens.inspection import read, signature_holds, time_in_words


def test_reads_header_and_claims(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer.create(tmp_path)
    found = read(issuer.mint(scopes=["a"]))
    assert (found.header["kid"], found.claims["scope"]) == (issuer.key_id, "a")


def test_what_is_no_token() -> None:
    with pytest.raises(TokenError):
        read("nonsense")


def test_the_signature_holds_with_its_own_key_only(tmp_path: Path) -> None:
    mine, other = DevelopmentIssuer.create(tmp_path / "a"), DevelopmentIssuer.create(tmp_path / "b")
    token = mine.mint(ttl_s=-60)
    assert signature_holds(token, mine.jwks_path.read_bytes())
    assert not signature_holds(token, other.jwks_path.read_bytes())
    assert not signature_holds(f"{token[:-4]}AAAA", mine.jwks_path.read_bytes())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1000, "1970-01-01 00:16:40Z, in 0 s"),
        (700, "1970-01-01 00:11:40Z, 5 min ago"),
        (1000 + 7200, "1970-01-01 02:16:40Z, in 2 h"),
        (1000 + 3 * 86_400, "1970-01-04 00:16:40Z, in 3 d"),
        ("x", "not a time"),
        (True, "not a time"),
        (1e300, "not a time"),
    ],
)
def test_times_in_words(value: object, words: str) -> None:
    assert time_in_words(value, 1000.0) == words
