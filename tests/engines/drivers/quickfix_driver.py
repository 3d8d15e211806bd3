"""QuickFIX (C++) as a driver: one FIX session in a process of its own. `docs/engines.md` says what a driver is told.

It runs with QuickFIX on its path, and knows nothing of this project. Every number and answer is the engine's.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import quickfix as fix  # type: ignore[import-not-found, unused-ignore]

SOH = "\x01"
HEADER = {43, 50, 57, 97, 116, 122, 128, 129, 369, 1128, 1129}
"""Header fields that a scenario may set."""
DICTIONARIES = Path(fix.__file__).parent / "share/quickfix"
LAST_PROCESSED = 369
POSS_DUP = 43
POLL_S = 0.005

_printing = threading.Lock()


def tell(event: str, **more: object) -> None:
    """One line for the test."""
    with _printing:
        print(json.dumps({"event": event, **more}), flush=True)


class Application(fix.Application):  # type: ignore[misc]
    """Tells what the engine lets through, and puts into the Logon what the test said."""

    def __init__(self, last_processed: bool) -> None:
        super().__init__()
        self.logon: list[tuple[int, str]] = []
        self.poss_dup: str | None = None
        """For the next message: the engine takes a PossDupFlag (43) out of what its application hands it."""
        self._last_processed = last_processed

    def onCreate(self, session: Any) -> None: ...  # noqa: ANN401, N802 (the engine's)

    def onLogon(self, session: Any) -> None:  # noqa: ANN401, N802
        tell("logon")

    def onLogout(self, session: Any) -> None:  # noqa: ANN401, N802
        tell("logout")

    def toAdmin(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        self._processed(message, session)
        if message.getHeader().getField(35) == "A":
            for tag, value in self.logon:
                message.setField(tag, value)
        tell("sent", admin=True, raw=message.toString())

    def toApp(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        self._processed(message, session)
        if self.poss_dup is not None:
            message.getHeader().setField(POSS_DUP, self.poss_dup)
        tell("sent", admin=False, raw=message.toString())

    def fromAdmin(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        tell("received", admin=True, raw=message.toString())

    def fromApp(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        tell("received", admin=False, raw=message.toString())

    def _processed(self, message: Any, session: Any) -> None:  # noqa: ANN401
        """LastMsgSeqNumProcessed (369), which QuickFIX leaves to its application."""
        if self._last_processed:
            number = fix.Session.lookupSession(session).getExpectedTargetNum() - 1
            message.getHeader().setField(LAST_PROCESSED, str(number))


class Driver:
    """One session, across its connections."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._client = settings["role"] == "client"
        self._application = Application(settings.get("last_processed", False))
        self._session = fix.SessionID(settings["begin_string"], settings["sender"], settings["target"])
        self._engine: Any = None
        self._polling = False
        self._thread = threading.Thread()
        if not self._client:
            self._start(reset=False)

    def _start(self, *, reset: bool) -> None:
        path = Path(self._settings["store"]) / "quickfix.cfg"
        path.write_text(self._configuration(reset))
        settings = fix.SessionSettings(str(path))
        store = fix.FileStoreFactory(settings)
        # Kept: the engine does not own what it is made of.
        self._parts = (settings, store, fix.FileLogFactory(settings))
        kind = fix.SocketInitiator if self._client else fix.SocketAcceptor
        self._engine = kind(self._application, store, settings, self._parts[2])
        if not self._client:
            self._engine.start()
            return
        # An initiator's own thread looks up once a second; polled, a test need not wait that long to go on.
        self._polling = True
        self._thread = threading.Thread(target=self._poll, args=(self._engine,), daemon=True)
        self._thread.start()

    def _poll(self, engine: Any) -> None:  # noqa: ANN401
        while self._polling:
            engine.poll()
            time.sleep(POLL_S)

    def _stop(self) -> None:
        self._polling = False
        self._thread.join()
        self._engine.stop(True)
        self._engine = None  # before the next is made: its end would take that one's session from the engine's list

    def _configuration(self, reset: bool) -> str:
        s = self._settings
        default = {
            "ConnectionType": "initiator" if self._client else "acceptor",
            "FileStorePath": s["store"],
            "FileLogPath": s["store"],
            "ReconnectInterval": 3600,
            "SocketNodelay": "Y",
            "SocketReuseAddress": "Y",
            "UseDataDictionary": "Y",
            "ValidateUserDefinedFields": "N",
            "StartTime": s.get("start_time", "00:00:00"),
            "EndTime": s.get("end_time", "00:00:00"),
            "HeartBtInt": s["heartbeat"],
            "LogoutTimeout": 2,
            "ResetOnLogon": "Y" if reset else "N",
            "SendNextExpectedMsgSeqNum": "Y" if s.get("next_expected") else "N",
            **_dictionaries(s["begin_string"], s["application"]),
        }
        if self._client:
            default |= {"SocketConnectHost": "127.0.0.1", "SocketConnectPort": s["port"]}
        else:
            default |= {"SocketAcceptPort": s["port"]}
        session = {"BeginString": s["begin_string"], "SenderCompID": s["sender"], "TargetCompID": s["target"]}
        parts = (("[DEFAULT]", default), ("[SESSION]", session))
        return "\n".join("\n".join([name, *(f"{k}={v}" for k, v in values.items())]) for name, values in parts) + "\n"

    # --- what a test may ask for ---

    def connect(self, fields: list[tuple[int, str]], reset: bool = False) -> None:
        """A new connection; these fields into its Logon."""
        self._application.logon = fields
        if self._engine is not None:
            self._stop()
        self._start(reset=reset)

    def send(self, type: str, fields: list[tuple[int, str]]) -> None:
        """A message under the next number. A second value of a tag goes into a group, whose count is the first."""
        message = fix.Message()
        message.getHeader().setField(35, type)
        self._application.poss_dup = dict(fields).get(POSS_DUP)
        for tag, value in fields:
            if not message.isSetField(tag):
                (message.getHeader() if tag in HEADER else message).setField(tag, value)
                continue
            group = fix.Group(tag, tag)
            group.setField(tag, value)
            message.addGroup(group)
        fix.Session.sendToTarget(message, self._session)
        self._application.poss_dup = None

    def reset(self, fields: list[tuple[int, str]]) -> None:
        """A Logon with 141=Y in the live session, with these fields."""
        self._application.logon = fields
        self.send("A", [(98, "0"), (108, str(self._settings["heartbeat"])), (141, "Y")])

    def logout(self) -> None:
        """End the session."""
        fix.Session.lookupSession(self._session).logout()

    def logon(self) -> None:
        """Be ready for another Logon, after a `logout` of one's own."""
        fix.Session.lookupSession(self._session).logon()

    def skip(self, to: int) -> None:
        """The next message has this number."""
        fix.Session.lookupSession(self._session).setNextSenderMsgSeqNum(to)

    def numbers(self) -> dict[str, int]:
        """The next number out, and the one that is awaited."""
        session = fix.Session.lookupSession(self._session)
        return {"out": session.getExpectedSenderNum(), "in": session.getExpectedTargetNum()}

    def run(self) -> None:
        """Do what is asked until the end of the input."""
        tell("ready", engine="QuickFIX")
        for line in sys.stdin:
            order = json.loads(line)
            number, what = order.pop("id"), order.pop("do")
            try:
                tell("done", id=number, result=getattr(self, what)(**order))
            except Exception as error:  # told, and judged by the test
                tell("failed", id=number, error=f"{type(error).__name__}: {error}")


def _dictionaries(begin_string: str, application: str) -> dict[str, str]:
    def file(version: str) -> str:
        return str(DICTIONARIES / f"{version.replace('.', '')}.xml")

    if begin_string != "FIXT.1.1":
        return {"DataDictionary": file(begin_string)}
    return {
        "DefaultApplVerID": application,
        "TransportDataDictionary": file("FIXT.1.1"),
        "AppDataDictionary": file(application),
    }


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        Driver(json.loads(sys.argv[1])).run()
    sys.stdout.flush()
    os._exit(0)  # the engine's threads need no goodbye
