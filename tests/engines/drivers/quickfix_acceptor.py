"""QuickFIX (C++) as the acceptor that QuickFIX's acceptance definitions are written for: it sends orders back.

It runs with QuickFIX on its path, and knows nothing of this project. It gets its settings as JSON in its one argument.
It prints a line when it listens, and answers each line of its input with whether its session is logged on.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import quickfix as fix  # type: ignore[import-not-found, unused-ignore]

DICTIONARIES = Path(fix.__file__).parent / "share/quickfix"
MSG_TYPE, CL_ORD_ID, POSS_RESEND = 35, 11, 97
ORDER, DEFINITION = "D", "d"


class Application(fix.Application):  # type: ignore[misc]
    """Sends NewOrderSingle (D) and, from 4.2, SecurityDefinition (d) back as they came; has no use for other types.

    A PossResend (97=Y) of an order that it has seen since the Logon is not answered.
    """

    def __init__(self, types: set[str]) -> None:
        super().__init__()
        self._types = types
        self._seen: set[str] = set()

    def onCreate(self, session: Any) -> None: ...  # noqa: ANN401, N802 (the engine's)

    def onLogon(self, session: Any) -> None:  # noqa: ANN401, N802
        self._seen.clear()

    def onLogout(self, session: Any) -> None: ...  # noqa: ANN401, N802

    def toAdmin(self, message: Any, session: Any) -> None: ...  # noqa: ANN401, N802

    def toApp(self, message: Any, session: Any) -> None: ...  # noqa: ANN401, N802

    def fromAdmin(self, message: Any, session: Any) -> None: ...  # noqa: ANN401, N802

    def fromApp(self, message: Any, session: Any) -> None:  # noqa: ANN401, N802
        header = message.getHeader()
        if header.getField(MSG_TYPE) not in self._types:
            raise fix.UnsupportedMessageType()
        if message.isSetField(CL_ORD_ID):
            order_id = message.getField(CL_ORD_ID)
            again = header.isSetField(POSS_RESEND) and header.getField(POSS_RESEND) == "Y"
            if again and order_id in self._seen:
                return
            self._seen.add(order_id)
        fix.Session.sendToTarget(fix.Message(message), session)


def configuration(settings: dict[str, Any]) -> str:
    """The engine's configuration file."""
    values = {
        "ConnectionType": "acceptor",
        "SocketAcceptPort": settings["port"],
        "SocketReuseAddress": "Y",
        "SocketNodelay": "Y",
        "FileStorePath": settings["store"],
        "StartTime": "00:00:00",
        "EndTime": "00:00:00",
        "ResetOnLogon": "Y",
        "UseDataDictionary": "Y",
        "BeginString": settings["begin_string"],
        "SenderCompID": settings["sender"],
        "TargetCompID": settings["target"],
        **dictionaries(settings["begin_string"], settings["application"]),
    }
    session = ("BeginString", "SenderCompID", "TargetCompID")
    default = [f"{name}={value}" for name, value in values.items() if name not in session]
    return "\n".join(["[DEFAULT]", *default, "[SESSION]", *(f"{name}={values[name]}" for name in session)]) + "\n"


def dictionaries(begin_string: str, application: str) -> dict[str, str]:
    """The settings that name the dictionaries."""

    def file(version: str) -> str:
        return str(DICTIONARIES / f"{version.replace('.', '')}.xml")

    if begin_string != "FIXT.1.1":
        return {"DataDictionary": file(begin_string)}
    return {
        "DefaultApplVerID": application,
        "TransportDataDictionary": file("FIXT.1.1"),
        "AppDataDictionary": file(application),
    }


def main() -> None:
    """Serve until the end of the input."""
    settings = json.loads(sys.argv[1])
    path = Path(settings["store"]) / "acceptor.cfg"
    path.write_text(configuration(settings))
    parsed = fix.SessionSettings(str(path))
    old = settings["begin_string"] in {"FIX.4.0", "FIX.4.1"}
    application = Application({ORDER} if old else {ORDER, DEFINITION})
    store = fix.MemoryStoreFactory()
    acceptor = fix.SocketAcceptor(application, store, parsed)
    acceptor.start()
    name = fix.SessionID(settings["begin_string"], settings["sender"], settings["target"])
    print("ready", flush=True)
    for _ in sys.stdin:
        print("on" if fix.Session.lookupSession(name).isLoggedOn() else "off", flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # the engine's threads need no goodbye
