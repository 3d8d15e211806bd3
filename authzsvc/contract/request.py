"""What is asked: `FixRequest`, a FIX message or a word about its session, and `StockRequest`, of one of Envoy's own
filters. `reading` makes them, so that they cannot be wrong.

Invariant: no repr shows a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from authzsvc.contract.party import Party
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.question import CompIds
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.credential import Credential
from authzsvc.word import Word

WHOLE_BODY = "*"
"""The name of terms for a Check whose body has every field that is no secret: it can be evaluated under any terms."""


class Event(Word):
    """What is asked: `x-fix-event`, or which stock filter asks."""

    LOGON = "logon"
    MESSAGE = "message"
    WATCH = "watch"
    RENEWAL = "renewal"
    REPORT = "report"
    CONNECTION = "connection"
    HTTP = "http"


class FixRequest(NamedTuple):
    """A FIX message, and whose it is. (There is one for each message, and a named tuple is quick to make.)"""

    event: Event
    id: str
    """Unique for each request, as the proxy named it."""
    msg_type: str
    """35; empty on a watch, and may be on a report."""
    seq: int
    """34; 0 where there is none."""
    poss_dup: bool
    """43 is Y."""
    fields: Fields
    """Body fields, in the message's own order."""
    party: Party
    credential: Credential | None
    """What the session proved itself with."""
    fresh: Credential | None = None
    """On a renewal: what the session wants to go on with."""
    etag: str = ""
    """On a watch: what the proxy knows already."""
    report: str = ""
    """On a report: its kind and words."""
    refresh: bool = False
    """A message that has passed already by a decision at hand: the proxy asks whether that goes on to hold."""
    messages: int = 1
    """How many it is about; beyond one `fields` is of all of them, and all else of the first."""
    terms: str = ""
    """The name of the terms by which the body is cut; `WHOLE_BODY` or empty where it is whole."""
    revision: tuple[int, int] | None = None
    """The numbers of the newest mapping and restrictions that the proxy knows of; None if it does not say."""
    at_once: bool = False
    """On a watch: whether it must be answered without any wait."""

    def __repr__(self) -> str:
        """All but the fields, which may hold a secret."""
        shown = (f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True) if name != "fields")
        return f"FixRequest({', '.join(shown)})"

    @property
    def names_terms(self) -> bool:
        """Whether the proxy's Checks name the terms by which their body is cut."""
        return bool(self.terms) or self.revision is not None

    @property
    def direction(self) -> Direction:
        """Who sent it."""
        return self.party.direction

    @property
    def client(self) -> CompIds:
        """The client's own ids."""
        return self.party.client

    @property
    def session(self) -> str:
        """The public name of the connection's session; empty from a proxy that does not name it."""
        return self.party.session

    @property
    def certificate(self) -> Certificate:
        """What the client's certificate says."""
        return self.party.certificate

    @property
    def address(self) -> str:
        """The client's address and port."""
        return self.party.address

    @property
    def principal(self) -> str:
        """The name in the client's certificate."""
        return self.party.principal

    @property
    def context(self) -> Mapping[str, str]:
        """What the proxy's configuration says of the listener."""
        return self.party.context


@dataclass(frozen=True, slots=True)
class StockRequest:
    """A question of one of Envoy's own filters: an HTTP request, or a connection without any FIX."""

    event: Event
    """`http` or `connection`."""
    id: str
    address: str
    principal: str
    context: Mapping[str, str]
    certificate: Certificate | None = None
    """The client's, where the filter sends it (`include_peer_certificate`)."""

    @property
    def name(self) -> str:
        """The name in the client's certificate; empty if the name's kind in the certificate is not the one that its
        form says."""
        certificate = self.certificate
        return self.principal if certificate is None or certificate.is_named(self.principal) else ""
