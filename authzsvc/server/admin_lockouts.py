"""The admin service for lock-outs: lists who is locked out after too many failed logons, and lifts lock-outs.

Lock-outs are only in the memory of the process that is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from authzsvc._gen.fixauthz.v1 import admin_pb2 as pb
from authzsvc.errors import AdminError
from authzsvc.server.attempts import Attempts
from authzsvc.sessions.acts import MAX_VALUE, Act, Action, NotInForce, Noting, Operator, check_text
from authzsvc.sessions.control import MAX_PAGE
from authzsvc.tokens.guessing import Lockout

LOCKOUTS = "lockouts"


@dataclass(frozen=True, slots=True)
class LockoutDesk:
    """Carries out operators' calls about lock-outs. Each call is recorded, whether it was carried out or refused."""

    attempts: Attempts
    record: Callable[[Act], None]

    async def show(self, request: pb.ListLockoutsRequest, operator: Operator) -> pb.ListLockoutsResponse:
        """Returns a page of lock-outs, oldest first. Raises `AdminError`."""
        with Noting(lambda text: self._note(Action.LIST, operator, LOCKOUTS, refused=text)):
            start = _offset(request.page_token)
        if not start:
            self._note(Action.LIST, operator, LOCKOUTS)
        limit = min(request.page_size or MAX_PAGE, MAX_PAGE)
        held = self.attempts.lockouts()
        now, more = self.attempts.clock(), start + limit < len(held)
        return pb.ListLockoutsResponse(
            lockouts=[_message(lockout, now) for lockout in held[start : start + limit]],
            next_page_token=str(start + limit) if more else "",
        )

    async def lift(self, request: pb.ClearLockoutsRequest, operator: Operator) -> pb.ClearLockoutsResponse:
        """Lift the selected lock-outs. Raises `AdminError` if there is none."""
        by = request.WhichOneof("by") or ""
        value = str(getattr(request, by)) if by in ("name", "address") else ""
        with Noting(lambda text: self._note(Action.UNLOCK, operator, by, value[:MAX_VALUE], refused=text)):
            lifted = self._lifted(by, value, request.all)
        self._note(Action.UNLOCK, operator, by, value, hit=len(lifted))
        return pb.ClearLockoutsResponse(lifted=len(lifted))

    def _lifted(self, by: str, value: str, everything: bool) -> list[Lockout]:
        if by == "all" and everything:
            return self.attempts.clear()
        if by not in ("name", "address"):
            raise AdminError("nothing is selected (give a name, an address, or all)")
        check_text(f"the {by}", value, MAX_VALUE)
        lifted = self.attempts.clear(name=value) if by == "name" else self.attempts.clear(address=value)
        if not lifted:
            raise NotInForce(f"no lock-out is about that {by} (see `authzsvc lockout list`)")
        return lifted

    def _note(
        self, action: Action, operator: Operator, by: str, value: str = "", *, refused: str = "", hit: int = 0
    ) -> None:
        act = Act(token_hex(8), time.time(), action, operator, by=by, value=value, refused=refused, hit=hit)
        self.record(act)


def _offset(token: str) -> int:
    if token and not (token.isascii() and token.isdigit() and len(token) < 10):
        raise AdminError("the page token is none of this service's (leave it out to begin anew)")
    return int(token or 0)


def _message(lockout: Lockout, now: float) -> pb.Lockout:
    return pb.Lockout(
        kind=lockout.kind.value,
        name=lockout.name.encode("utf-8", "backslashreplace").decode(),
        address=lockout.address.encode("utf-8", "backslashreplace").decode(),
        left_s=max(0.0, lockout.until - now),
        locks=min(lockout.locks, 2**32 - 1),
        shared=lockout.shared,
    )
