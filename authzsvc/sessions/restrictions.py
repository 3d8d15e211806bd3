"""`Restrictions`: who may not trade now, and which tokens are refused; an immutable value, indexed.

Pure. An operator's kill is a `Restriction`, found by CompID, client, subject, role or for all. A kill of a firm is one
too: it stops the messages that a session sends on that firm's behalf, and not the session. A revoked token is a
`Revocation`, found by `jti` or subject. Both are looked up for each message, so a question costs a handful of
dictionary look-ups, and one attribute test while nothing is in force.

Invariants: a kill comes before a cancel-only, whatever the order they came in; of a value's restrictions none is lost
when another is lifted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from authzsvc.tokens.claims import Identity


class Mode(StrEnum):
    """What a restriction does to a session."""

    KILL = "kill"
    """It is logged out, and no Logon is accepted."""
    CANCEL_ONLY = "cancel-only"
    """It may do nothing but what reduces risk."""


class By(StrEnum):
    """What a restriction is about."""

    COMP_ID = "comp-id"
    """The client's own CompID (49 of what it sends)."""
    CLIENT = "client"
    SUBJECT = "subject"
    ROLE = "role"
    ON_BEHALF_OF = "on-behalf-of"
    """OnBehalfOfCompID (115) of single messages, in sessions that send for several firms."""
    ALL = "all"


class RevokedBy(StrEnum):
    """What a revocation is about."""

    TOKEN_ID = "jti"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Selector:
    """Whom a restriction is about; `value` is empty for `all`."""

    by: By
    value: str = ""

    def selects(self, comp_id: str, identity: Identity, roles: frozenset[str]) -> bool:
        """Whether a session of that CompID, identity and roles is meant. A firm's kill means no session as a whole."""
        match self.by:
            case By.ALL:
                return True
            case By.COMP_ID:
                return comp_id == self.value
            case By.CLIENT:
                return identity.client_id == self.value
            case By.SUBJECT:
                return identity.subject == self.value
            case By.ROLE:
                return self.value in roles
            case By.ON_BEHALF_OF:
                return False


@dataclass(frozen=True, slots=True)
class Restriction:
    """One kill, or one cancel-only, in force until it is lifted."""

    id: str
    by: By
    value: str
    mode: Mode
    reason: str
    operator: str
    at: float
    """Unix time."""

    @property
    def selector(self) -> Selector:
        """Whom it is about."""
        return Selector(self.by, self.value)


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens that are refused although they verify."""

    id: str
    by: RevokedBy
    value: str
    issuer: str
    """Of this issuer alone; empty for any."""
    reason: str
    operator: str
    at: float
    """Unix time. By subject, tokens issued (`iat`) before it are refused, and those that do not say when."""
    until: float | None
    """Unix time from which on no token that it is about can still be valid; None when that is not known."""

    def hits(self, identity: Identity) -> bool:
        """Whether this identity's token is refused."""
        if self.issuer not in ("", identity.issuer):
            return False
        if self.by is RevokedBy.TOKEN_ID:
            return identity.token_id == self.value
        return identity.subject == self.value and (identity.issued_at is None or identity.issued_at < self.at)


_Place = tuple[By, str]
_RevokedPlace = tuple[RevokedBy, str, str]


class Restrictions:
    """All that is in force. `with_…` and `without` make new ones."""

    __slots__ = ("_by_place", "_revoked", "any_revoked", "of_firms", "restricted", "restrictions", "revocations")

    def __init__(self, restrictions: Iterable[Restriction] = (), revocations: Iterable[Revocation] = ()) -> None:
        self.restrictions: Mapping[str, Restriction] = {entry.id: entry for entry in restrictions}
        """By id."""
        self.revocations: Mapping[str, Revocation] = {entry.id: entry for entry in revocations}
        """By id."""
        self._by_place = _strongest(self.restrictions.values())
        self._revoked = _latest(self.revocations.values())
        self.restricted = bool(self._by_place)
        self.of_firms = tuple(sorted(entry.id for entry in self.restrictions.values() if entry.by is By.ON_BEHALF_OF))
        """The ids of the restrictions on firms, sorted. They may concern any session."""
        self.any_revoked = bool(self._revoked)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Restrictions):
            return NotImplemented
        return self.restrictions == other.restrictions and self.revocations == other.revocations

    __hash__ = None  # type: ignore[assignment]

    def on(self, comp_id: str, identity: Identity, roles: frozenset[str]) -> Restriction | None:
        """The strongest restriction on such a session: a kill before a cancel-only, then the oldest."""
        if not self.restricted:
            return None
        find = self._by_place.get
        found = [
            find((By.ALL, "")),
            find((By.COMP_ID, comp_id)),
            find((By.CLIENT, identity.client_id)),
            find((By.SUBJECT, identity.subject)),
        ]
        found.extend(find((By.ROLE, role)) for role in roles)
        return min((entry for entry in found if entry is not None), key=_strength, default=None)

    def on_firm(self, on_behalf_of: str | None) -> Restriction | None:
        """The strongest restriction on messages that are sent on behalf of this firm."""
        if on_behalf_of is None or not self.of_firms:
            return None
        return self._by_place.get((By.ON_BEHALF_OF, on_behalf_of))

    def revocation_of(self, identity: Identity) -> Revocation | None:
        """The revocation that refuses this identity's token."""
        if not self.any_revoked:
            return None
        for by, value in ((RevokedBy.TOKEN_ID, identity.token_id), (RevokedBy.SUBJECT, identity.subject)):
            for issuer in ("", identity.issuer):
                entry = self._revoked.get((by, value, issuer))
                if entry is not None and entry.hits(identity):
                    return entry
        return None

    def with_restriction(self, entry: Restriction) -> Restrictions:
        """These and one more."""
        return Restrictions((*self.restrictions.values(), entry), self.revocations.values())

    def with_revocation(self, entry: Revocation) -> Restrictions:
        """These and one more."""
        return Restrictions(self.restrictions.values(), (*self.revocations.values(), entry))

    def without(self, ids: frozenset[str]) -> Restrictions:
        """These without the restrictions and revocations of those ids."""
        return Restrictions(
            (entry for entry in self.restrictions.values() if entry.id not in ids),
            (entry for entry in self.revocations.values() if entry.id not in ids),
        )

    def outlived(self, now: float) -> frozenset[str]:
        """The ids of revocations whose tokens have all expired."""
        return frozenset(e.id for e in self.revocations.values() if e.until is not None and e.until <= now)


def _strength(entry: Restriction) -> tuple[bool, float, str]:
    """Smaller is stronger."""
    return entry.mode is not Mode.KILL, entry.at, entry.id


def _strongest(entries: Iterable[Restriction]) -> dict[_Place, Restriction]:
    found: dict[_Place, Restriction] = {}
    for entry in entries:
        place = (entry.by, entry.value)
        known = found.get(place)
        if known is None or _strength(entry) < _strength(known):
            found[place] = entry
    return found


def _latest(entries: Iterable[Revocation]) -> dict[_RevokedPlace, Revocation]:
    """Of several about the same, the latest: it refuses all that the others refuse."""
    found: dict[_RevokedPlace, Revocation] = {}
    for entry in entries:
        place = (entry.by, entry.value, entry.issuer)
        known = found.get(place)
        if known is None or (known.at, known.id) < (entry.at, entry.id):
            found[place] = entry
    return found


EMPTY = Restrictions()
"""Nothing is in force."""
