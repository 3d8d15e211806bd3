"""Attempts to prove oneself, counted by the CompID and the address that they come from: at Logons and at renewals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from authzsvc.contract.request import FixRequest
from authzsvc.errors import TokenError
from authzsvc.standing import Ending
from authzsvc.tokens.claims import BAD_CREDENTIALS
from authzsvc.tokens.credential import Scheme
from authzsvc.tokens.guessing import LOCKED, TOO_MANY, Guessing

_LOCKED_OUT = Ending(TOO_MANY, "locked out after too many failed logons", LOCKED, unauthenticated=True)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Who has failed too often is not heard for a while."""

    guessing: Guessing
    clock: Callable[[], float] = time.monotonic

    def locked(self, request: FixRequest) -> Ending | None:
        """Why a credential is not even looked at."""
        now = self.clock()
        locked = any(self.guessing.locked(name, host, now) > 0 for name, host in _from(request))
        return _LOCKED_OUT if locked else None

    def failed(self, request: FixRequest, error: TokenError) -> None:
        """Count a refused credential as a guess, where the credential was the trouble and not its time or an outage."""
        if error.session_status == BAD_CREDENTIALS and not error.unavailable:
            for index, (name, host) in enumerate(_from(request)):
                self.guessing.failed(name, host, self.clock(), once_more=index > 0)

    def succeeded(self, request: FixRequest) -> None:
        """The client is known at its address from now on. Only for a credential that is good for this CompID: another's
        would make its holder known as him."""
        for name, host in _from(request):
            self.guessing.succeeded(name, host, self.clock())


def _from(request: FixRequest) -> list[tuple[str, str]]:
    """Under what names, and from what address without its port, an attempt came: its CompID, and the client id of a
    secret, as a guesser takes any CompID he likes."""
    host = request.address.rpartition(":")[0]
    names = [f"comp id {request.client.comp_id}"]
    if request.credential is not None and request.credential.scheme is Scheme.BASIC:
        names.append(f"client {request.credential.username}")
    return [(name, host) for name in names]
