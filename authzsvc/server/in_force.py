"""What is in force: the mapping and the operators' restrictions, and their numbers in the store. Each may be exchanged
between any two decisions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from authzsvc.decide import terms_of
from authzsvc.decision import LogonTerms
from authzsvc.policy.engine import Policy
from authzsvc.sessions.restrictions import Restrictions


async def _nothing_newer() -> None:
    """There is no store that others write."""


@dataclass(slots=True)
class InForce:
    """Looked at once for each decision."""

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
    """Reads the store, and puts in force what it holds."""
    _terms: tuple[Policy, LogonTerms] | None = None

    @property
    def revision(self) -> str:
        """Both numbers, as a proxy is told of them."""
        return f"{self.mapping_number}.{self.restrictions_number}"

    @property
    def terms(self) -> LogonTerms:
        """What a session's proxy is told to look at under this mapping."""
        if self._terms is None or self._terms[0] is not self.policy:
            self._terms = self.policy, terms_of(self.policy, self.batch)
        return self._terms[1]

    def is_behind(self, known: tuple[int, int] | None) -> bool:
        """Whether a proxy has heard of a newer mapping, which another service of the store has put in force."""
        return known is not None and self.mapping_number < min(known[0], self.newest_mapping)
