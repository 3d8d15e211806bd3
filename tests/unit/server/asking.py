"""Checks that may wait: a session's Logon, messages, watches and renewals, one line each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from envoy.service.auth.v3.external_auth_pb2 import CheckResponse

from authzsvc.contract.session_name import public_name
from tests.unit.checks import Answer, Desk, check, desk, in_two_parts, logon, soh


async def answered(at: Desk, request: Any) -> Answer:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """One Check, however long its answer takes."""
    return Answer(CheckResponse.FromString(await at.authorizer.answer(in_two_parts(request), None)))


@asynccontextmanager
async def opened(directory: Path, **sections: Any) -> AsyncIterator[Desk]:  # noqa: ANN401 (of any shape)
    """A desk of these settings."""
    directory.mkdir(exist_ok=True)
    at = await desk(directory, **sections)
    try:
        yield at
    finally:
        await at.close()


class Session:
    """A FIX session as its filter sees it."""

    def __init__(self, at: Desk, token: str, name: str = "0123456789abcdef", **header: Any) -> None:  # noqa: ANN401
        self.at = at
        self.token = token
        self.name = name
        self.header = header
        self.etag = ""

    @property
    def id(self) -> str:
        """Its public name."""
        return public_name(self.name)

    def _headers(self, **more: str) -> dict[str, str]:
        return {"x-fix-session": self.name, **more}

    async def log_on(self) -> Answer:
        """Its Logon."""
        answer = await answered(self.at, logon(self.token, headers=self._headers(), **self.header))
        self.etag = answer.headers.get("etag", "")
        return answer

    async def send(self, msg_type: str = "AB", body: str = "11=O-1|", direction: str = "inbound") -> Answer:
        """A message of its client's, or of the venue's."""
        sides: dict[str, Any] = {"sender": "VENUE", "target": "ALGO"} if direction == "outbound" else {}
        request = check(
            self.token, msg_type=msg_type, body=soh(body), direction=direction, headers=self._headers(), **sides
        )
        return await answered(self.at, request)

    async def report(self, kind: str, reason: str) -> Answer:
        """What its filter did alone."""
        headers = self._headers(**{"x-fix-report": kind, "x-fix-reason": reason})
        return await answered(self.at, check(self.token, event="report", headers=headers))

    def watching(self, **more: str) -> asyncio.Task[Answer]:
        """Its watch, under way; `more` are headers, `_` for `-` in their names."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        request = check(
            self.token,
            event="watch",
            body=b"",
            headers=self._headers(**{"if-none-match": self.etag, **named}),
            without=("x-fix-msg-type", "x-fix-msg-seq-num", "x-fix-poss-dup"),
            **self.header,
        )
        request.attributes.request.http.path = "/fix/inbound/"
        return asyncio.create_task(answered(self.at, request))

    async def watched(self) -> Answer:
        """Its watch, answered; the tag is kept."""
        answer = await asyncio.wait_for(self.watching(), 10)
        self.etag = answer.headers.get("etag", self.etag)
        return answer

    async def renew(self, fresh: str) -> Answer:
        """A renewal, which counts when it is allowed."""
        headers = self._headers(**{"x-fix-fresh-authorization": f"Bearer {fresh}"})
        request = check(self.token, event="renewal", msg_type="BE", body=soh("923=r|924=1|"), headers=headers)
        answer = await answered(self.at, request)
        if answer.allowed:
            self.token = fresh
            self.etag = answer.headers.get("etag", self.etag)
        return answer


async def turns(number: int = 5) -> None:
    """Let everything that can go on go on."""
    for _ in range(number):
        await asyncio.sleep(0)
