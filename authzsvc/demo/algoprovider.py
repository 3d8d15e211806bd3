"""AlgoProvider, a third-party market maker in equity options, as the gateway sees it: a FIX client with a token."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from itertools import count

from authzsvc.demo.peer import Peer
from authzsvc.demo.wire import Message, timestamp
from authzsvc.errors import ToolError

COMP_ID = "ALGO"
SCOPES = ("order:create:option_multileg", "order:cancel", "order:replace", "marketdata:subscribe:option")

MARKET, LIMIT = 1, 2
BUY, SELL = 1, 2


class AlgoProvider(Peer):
    """The application and its orders. Every method sends one message and gives it back."""

    def __init__(self, comp_id: str = COMP_ID, counterparty: str = "VENUE", version: str = "FIX.4.4") -> None:
        super().__init__(comp_id, counterparty, version)
        self._orders = count(1)

    async def connect(self, host: str, port: int) -> None:
        """Open the connection to the gateway; raises `ToolError`."""
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            raise ToolError(f"cannot connect to `{host}:{port}`: {error.strerror or error}") from None
        self.attach(reader, writer)

    def log_on(self, token: str) -> Message:
        """Logon with the access token in Password (554), numbers from 1."""
        return self.logon(((554, token),), reset=True)

    def spread(self) -> Message:
        """NewOrderMultileg (AB): a call spread."""
        legs: list[tuple[int, object]] = []
        for symbol, side in (("SPX 261218C06000", BUY), ("SPX 261218C06100", SELL)):
            legs += [(600, symbol), (609, "OPT"), (624, side), (623, 1)]
        order = [(11, self._order_id()), (55, "SPX"), (54, BUY), (38, 10), (40, LIMIT), (44, "4.20")]
        return self.send("AB", [*order, (60, timestamp()), (555, 2), *legs])

    def replace(self, order: Message) -> Message:
        """OrderCancelReplaceRequest (G): a better price for that order."""
        pairs = [(41, order.get(11)), (11, self._order_id()), (55, "SPX"), (54, BUY), (38, 10), (40, LIMIT)]
        return self.send("G", [*pairs, (44, "4.35"), (60, timestamp())])

    def cancel(self, order: Message) -> Message:
        """OrderCancelRequest (F) for that order."""
        pairs = [(41, order.get(11)), (11, self._order_id()), (55, "SPX"), (54, BUY), (38, 10)]
        return self.send("F", [*pairs, (60, timestamp())])

    def stock_order(self) -> Message:
        """NewOrderSingle (D) in common stock: what the bad release sends."""
        pairs = [(11, self._order_id()), (55, "ACME"), (167, "CS"), (54, BUY), (38, 1000), (40, MARKET)]
        return self.send("D", [*pairs, (60, timestamp())])

    def subscribe(self) -> Message:
        """MarketDataRequest (V) for two options."""
        symbols: list[tuple[int, object]] = []
        for symbol in ("SPX 261218C06000", "SPX 261218C06100"):
            symbols += [(55, symbol), (167, "OPT")]
        entries = [(267, 2), (269, 0), (269, 1)]
        return self.send("V", [(262, self._order_id()), (263, 1), (264, 1), *entries, (146, 2), *symbols])

    def _order_id(self) -> str:
        return f"{self.comp_id}-{next(self._orders)}"


def fetch_token(url: str, client_id: str, client_secret: str, scopes: tuple[str, ...] = SCOPES) -> str:
    """An access token by the client-credentials flow (RFC 6749, 4.4); raises `ToolError`."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "scope": " ".join(scopes),
    }
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            token = json.load(answer).get("access_token")
    except (OSError, ValueError) as error:
        raise ToolError(f"no token from `{url}` for the client `{client_id}`: {error}") from None
    if not isinstance(token, str):
        raise ToolError(f"`{url}` answered without an access_token")
    return token
