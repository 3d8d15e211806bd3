"""What is in force: the mapping and the operators' restrictions, and their numbers in the store. Between two decisions
either may be replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from authzsvc.decide import terms_of
from authzsvc.decision import LogonTerms
from authzsvc.policy.engine import Policy
from authzsvc.sessions.restrictions import Restrictions


async def _nothing_newer() -> None:
    """Does nothing, because no other process writes to the store."""


@dataclass(slots=True)
class InForce:
    """The mapping and the restrictions by which each decision is made."""

    policy: Policy
    restrictions: Restrictions = field(default_factory=Restrictions)
    mapping_number: int = 0
    """The mapping's number in the store."""
    restrictions_number: int = 0
    """Every restriction up to this number in the store is in force."""
    newest_mapping: int = 0
    """The number of the newest mapping that any service of the store has put in force."""
    batch: int = 1
    """The most messages of one direction that a Check may be about."""
    catch_up: Callable[[], Awaitable[None]] = _nothing_newer
    """Reads the store, and puts its restrictions in force."""
    _terms: tuple[Policy, LogonTerms] | None = None

    @property
    def revision(self) -> str:
        """Both numbers, in the form of `x-fix-revision`."""
        return f"{self.mapping_number}.{self.restrictions_number}"

    @property
    def basis(self) -> str:
        """What every session's decisions rest on: the mapping's digest, and the restrictions on firms."""
        digest, of_firms = self.policy.digest, self.restrictions.of_firms
        return ",".join((digest, *of_firms)) if of_firms else digest  # for each message, and nearly always the digest

    @property
    def terms(self) -> LogonTerms:
        """The session's terms under this mapping: what its proxy must ask about."""
        if self._terms is None or self._terms[0] is not self.policy:
            self._terms = self.policy, terms_of(self.policy, self.batch)
        return self._terms[1]

    def is_behind(self, known: tuple[int, int] | None) -> bool:
        """Whether a proxy knows of a newer mapping, which another service of the store has put in force."""
        return known is not None and self.mapping_number < min(known[0], self.newest_mapping)
