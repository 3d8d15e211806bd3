"""The secrets that the tests use, and the search for them in whatever the programs under test wrote.

`USED` is told of every secret when it comes into being: tokens, client secrets, passwords, private keys. At the end of
the suite each file below its folders is searched for each secret: as it is, in base64 at any offset, in hex, escaped
for a URL. Secrets are cut into pieces of `PIECE` bytes, so that a part of one is found too: any stretch of twice that
length has a whole piece in it. What looks like a signed JWT or a private key is found whether it was known or not.

Of a JWT the payload and the signature are secret; its header is the same in all and gives nothing away.
A file may hold a secret only where that is its purpose, and then its very path is exempted.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from authzsvc.tokens.development import DevelopmentIssuer

PIECE = 16
"""In base64 that is 12 bytes of text: claims that also stand in other base64 must not be taken for the token."""
SHORTEST = 8
"""A shorter secret would be found by chance."""

_RUN = re.compile(f"[A-Za-z0-9_+/%=-]{{{PIECE},}}".encode())
_SHAPES = {
    "a signed JWT": re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}


@dataclass(frozen=True)
class Finding:
    """A secret where none may be; its text does not repeat it."""

    file: Path
    offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}: byte {self.offset}: {self.what}"


class Secrets:
    """What must not be found, and where it may be."""

    def __init__(self) -> None:
        self._pieces: set[bytes] = set()
        self._whole: set[bytes] = set()
        self._exempt: set[Path] = set()

    def __len__(self) -> int:
        return len(self._pieces) + len(self._whole)

    def add(self, secret: str) -> None:
        """Know a secret: a password, a client's secret, an opaque token. Raises `ValueError` where it is too short."""
        if len(secret) < SHORTEST:
            raise ValueError(f"a secret of fewer than {SHORTEST} characters cannot be searched for")
        for form in _forms(secret.encode()):
            self._add_form(form)

    def add_token(self, token: str) -> None:
        """Know a token: a JWT by its payload and signature, any other as a whole."""
        header, _, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        if not (header.startswith("eyJ") and payload):
            self.add(token)
            return
        self._add_form(payload.encode())
        if len(signature) >= SHORTEST:
            self.add(signature)

    def add_pem(self, pem: str) -> None:
        """Know a private key (P-256 or RSA) by its numbers, for the rest of its PEM is in its certificate too."""
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        for number in _numbers(key):
            for form in _encoded(number.to_bytes((number.bit_length() + 7) // 8, "big")):
                self._add_form(form)

    def exempt(self, file: Path) -> None:
        """A file whose purpose is to hold secrets."""
        self._exempt.add(file.resolve())

    def key_file(self, file: Path) -> None:
        """A private key in a file that is there for it."""
        self.add_pem(file.read_text())
        self.exempt(file)

    def _add_form(self, form: bytes) -> None:
        runs = [match.group() for match in _RUN.finditer(form)]
        if not runs:
            self._whole.add(form)
        for run in runs:
            self._pieces.update(run[start : start + PIECE] for start in range(0, len(run) - PIECE + 1, PIECE))
            self._pieces.add(run[-PIECE:])

    # --- the search ---

    def find_in(self, data: bytes) -> tuple[int, str] | None:
        """The first offset of a secret, and what kind of thing it is."""
        for what, shape in _SHAPES.items():
            if match := shape.search(data):
                return match.start(), what
        for secret in self._whole:
            if (offset := data.find(secret)) >= 0:
                return offset, "a secret"
        for run in _RUN.finditer(data):
            found = self._piece_in(run.group())
            if found is not None:
                return run.start() + found, "a piece of a secret"
        return None

    def _piece_in(self, run: bytes) -> int | None:
        starts = range(len(run) - PIECE + 1)
        return next((start for start in starts if run[start : start + PIECE] in self._pieces), None)

    def search(self, folders: Iterable[Path]) -> Iterator[Finding]:
        """What is found below these folders, at most one finding a file."""
        for folder in folders:
            for file in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
                if file.resolve() in self._exempt:
                    continue
                if found := self.find_in(file.read_bytes()):
                    yield Finding(file, *found)


USED = Secrets()
"""All that this process has used."""


@contextlib.contextmanager
def recorded(used: Secrets = USED) -> Iterator[None]:
    """Note whatever a development issuer mints, and its key, for as long as this lasts."""
    mint, create = DevelopmentIssuer.mint, DevelopmentIssuer.create

    def minting(issuer: DevelopmentIssuer, **options: Any) -> str:  # noqa: ANN401 (those of `mint`)
        token = mint(issuer, **options)
        used.add_token(token)
        return token

    def creating(directory: Path, *more: Any) -> DevelopmentIssuer:  # noqa: ANN401 (those of `create`)
        issuer = create(directory, *more)
        used.key_file(directory / "development-key.pem")
        return issuer

    replaced = cast("Any", DevelopmentIssuer)
    replaced.mint, replaced.create = minting, staticmethod(creating)
    try:
        yield
    finally:
        replaced.mint, replaced.create = mint, classmethod(cast("Any", create).__func__)


def _numbers(key: object) -> tuple[int, ...]:
    if isinstance(key, rsa.RSAPrivateKey):
        private = key.private_numbers()
        return private.d, private.p, private.q
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return (key.private_numbers().private_value,)
    raise TypeError(f"the secrets of a `{type(key).__name__}` are not known")


def _forms(secret: bytes) -> set[bytes]:
    return {secret, quote(secret, safe="").encode(), quote_plus(secret).encode()} | _encoded(secret)


def _encoded(secret: bytes) -> set[bytes]:
    return {secret.hex().encode()} | {form for shift in range(3) for form in _in_base64(secret, shift)}


def _in_base64(secret: bytes, shift: int) -> set[bytes]:
    """What of the secret is sure to stand in the base64 of anything that has it at an offset of `shift` modulo 3.

    A character of base64 is six bits, so the first and last ones can mix with the bytes next to the secret.
    """
    padded = bytes(shift) + secret
    sure = slice((0, 2, 3)[shift], len(padded) * 8 // 6)
    return {base64.b64encode(padded)[sure], base64.urlsafe_b64encode(padded)[sure]}
