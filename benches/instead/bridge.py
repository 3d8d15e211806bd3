"""A bridge of FIX engines that checks in its application: QuickFIX towards the client and towards the venue.

It runs as a program of its own, with QuickFIX on its path: `bridge.py SETTINGS`, JSON. To be generous it keeps no
messages and writes no log, so that it can resend nothing. As a gateway would, it takes the token from the client's
Logon and verifies it; an order passes where the token's scope and SecurityType (167) say so.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import quickfix as fix  # type: ignore[import-not-found, unused-ignore]

SCOPE = "order:create:equity"
ASKED, ANSWERED = "UC", "UD"


class Bridge(fix.Application):  # type: ignore[misc]
    """The application of both engines."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self._settings = settings
        self._client = fix.SessionID("FIX.4.4", settings["venue"], settings["client"])
        self._venue = fix.SessionID("FIX.4.4", settings["client"], settings["venue"])
        self._inward = self._client.toString()
        self._key = jwt.PyJWK.from_dict(json.loads(Path(settings["jwks"]).read_text())["keys"][0])
        self._scopes: frozenset[str] = frozenset()

    def onCreate(self, session: Any) -> None:  # noqa: ANN401, N802 (the engine's)
        if session.toString() == self._inward:
            # The load counts from there.
            fix.Session.lookupSession(session).setNextTargetMsgSeqNum(self._settings["first_seq"])

    def onLogon(self, session: Any) -> None:  # noqa: ANN401, N802
        if session.toString() != self._inward:
            print("ready", flush=True)

    def onLogout(self, session: Any) -> None: ...  # noqa: ANN401, N802

    def toAdmin(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        if message.getHeader().getField(35) == "A" and session.toString() != self._inward:
            message.getHeader().setField(57, self._settings["purpose"])

    def toApp(self, message: Any, session: Any) -> None: ...  # noqa: ANN401, N802

    def fromAdmin(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        if message.getHeader().getField(35) == "A" and session.toString() == self._inward:
            claims = jwt.decode(
                message.getField(554),
                self._key,
                algorithms=["ES256"],
                audience=self._settings["audience"],
                issuer=self._settings["issuer"],
            )
            if claims["fix_comp_id"] != message.getHeader().getField(49):
                raise fix.RejectLogon("not this token's session")
            self._scopes = frozenset(claims["scope"].split())

    def fromApp(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        if session.toString() != self._inward:
            fix.Session.sendToTarget(message, self._client)
        elif self._allowed(message):
            fix.Session.sendToTarget(message, self._venue)
        else:
            self._refuse(message)

    def _allowed(self, message: Any) -> bool:  # noqa: ANN401
        kind = message.getHeader().getField(35)
        if kind == "D":
            return SCOPE in self._scopes and message.isSetField(167) and message.getField(167) == "CS"
        return bool(kind == ASKED)

    def _refuse(self, message: Any) -> None:  # noqa: ANN401
        header, reject = message.getHeader(), fix.Message()
        reject.getHeader().setField(35, "j")
        for tag, value in ((45, header.getField(34)), (372, header.getField(35)), (380, "6"), (58, "not authorized")):
            reject.setField(tag, value)
        fix.Session.sendToTarget(reject, self._client)


def _engine(settings: dict[str, Any], bridge: Bridge, kind: str) -> Any:  # noqa: ANN401
    inward = kind == "acceptor"
    sender, target = ("venue", "client") if inward else ("client", "venue")
    lines = [
        "[DEFAULT]", f"ConnectionType={kind}", "UseDataDictionary=N", "CheckLatency=N", "HeartBtInt=30",
        "StartTime=00:00:00", "EndTime=00:00:00", "ReconnectInterval=1", "SocketNodelay=Y", "PersistMessages=N",
        f"SocketAcceptPort={settings['listen']}" if inward else "SocketConnectHost=127.0.0.1",
        "SocketReuseAddress=Y" if inward else f"SocketConnectPort={settings['upstream']}",
        "[SESSION]", "BeginString=FIX.4.4", f"SenderCompID={settings[sender]}", f"TargetCompID={settings[target]}",
    ]  # fmt: skip
    path = Path(settings["directory"]) / f"{kind}.cfg"
    path.write_text("\n".join(lines) + "\n")
    session_settings = fix.SessionSettings(str(path))
    store = fix.MemoryStoreFactory()
    engine = (fix.SocketAcceptor if inward else fix.SocketInitiator)(bridge, store, session_settings)
    engine.start()
    return engine, store, session_settings


def main() -> None:
    """Serve until ended."""
    settings = json.loads(sys.argv[1])
    bridge = Bridge(settings)
    # Kept: the engines do not own what they are made of.
    parts = [_engine(settings, bridge, kind) for kind in ("acceptor", "initiator")]
    while parts and os.getppid() != 1:
        time.sleep(1)


if __name__ == "__main__":
    main()
