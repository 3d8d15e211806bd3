"""Tests of a value whose bound the token gives: `min`, `max` and `prefix` with a claim.

A claim that the token lacks, or that is not of use for the test, leaves the result open (`DoubtError`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from authzsvc.fix import plain_forms
from authzsvc.policy.claims import Claims, claim_at
from authzsvc.policy.truth import DoubtError
from authzsvc.policy.value_tests import InClaim

Meaning = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimBound:
    """`min: {claim: …}` or `max: {claim: …}`: the value is a number that is not less, or not more, than the claim."""

    claim: str
    upper: bool
    typed: bool = field(default=False, compare=False)
    """The field has a type of number, so that the value is one."""
    negative = False

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether it is. Raises `DoubtError` if either is not a number in its plain form."""
        plain = value if self.typed else plain_forms.decimal(value)
        if plain is None:
            raise DoubtError("the value is no plain decimal number")
        bound, number = _number(claims, self.claim), Decimal(plain.decode())
        return number <= bound if self.upper else number >= bound

    @property
    def meaning(self) -> Meaning:
        """Which bound it is, and the claim's path."""
        return "claimed maximum" if self.upper else "claimed minimum", self.claim

    def __str__(self) -> str:
        return f"{'<=' if self.upper else '>='}claim `{self.claim}`"


@dataclass(frozen=True, slots=True)
class ClaimPrefix:
    """`prefix: {claim: …}`: the value begins with the claim, or with one of its items."""

    claim: str
    negative = False

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether it does. Raises `DoubtError` for a claim that is no text and no list of texts, or that has an empty
        text, unless the value begins with another of its items."""
        claim = claim_at(claims, self.claim)
        items = claim if isinstance(claim, list | tuple) else (claim,)
        texts = [item.encode("utf-8", "surrogatepass") for item in items if isinstance(item, str) and item]
        if any(value.startswith(text) for text in texts):
            return True
        if len(texts) < len(items):
            raise DoubtError(f"the token has no usable claim `{self.claim}`")
        return False

    @property
    def meaning(self) -> Meaning:
        """The claim's path."""
        return "claimed prefix", self.claim

    def __str__(self) -> str:
        return f" beginning with claim `{self.claim}`"


BY_TOKEN = (InClaim, ClaimBound, ClaimPrefix)
"""Tests whose result rests on the token."""


def _number(claims: Claims, path: str) -> Decimal:
    """Give a claim that is a whole number, or text that is a decimal number in a form that every reader reads alike.

    Raises `DoubtError` for all else; for a JSON number with a fraction too, which is rounded before it gets here.
    """
    claim = claim_at(claims, path)
    if isinstance(claim, int) and not isinstance(claim, bool):
        return Decimal(claim)
    plain = plain_forms.decimal(claim.encode("utf-8", "replace")) if isinstance(claim, str) else None
    if plain is None:
        raise DoubtError(f"the token has no claim `{path}` that is a plain number")
    return Decimal(plain.decode())
