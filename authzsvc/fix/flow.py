"""In which direction messages go, and which of them may lead to a trade: the FIX dictionary does not say so.

The tables follow the descriptions of the messages in the FIX 4.4 and FIX 5.0 SP2 specifications, volumes 3 (pre-trade),
4 (trade) and 5 (post-trade), for a client that logs on to a venue. They have certain cases only: a message that either
side may send by some part of the specification (Quote, QuoteRequest, MassQuote, TradeCaptureReport, allocations,
confirmations, collateral, News) is in neither table.

Each MsgType comes with its name, because the same letters may be a venue's own message in another version of FIX.
"""

from __future__ import annotations

from collections.abc import Mapping

from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction

SENT_BY_CLIENTS = {
    "D": "NewOrderSingle",
    "E": "NewOrderList",
    "F": "OrderCancelRequest",
    "G": "OrderCancelReplaceRequest",
    "H": "OrderStatusRequest",
    "K": "ListCancelRequest",
    "L": "ListExecute",
    "M": "ListStatusRequest",
    "Q": "DontKnowTrade",
    "V": "MarketDataRequest",
    "c": "SecurityDefinitionRequest",
    "e": "SecurityStatusRequest",
    "g": "TradingSessionStatusRequest",
    "k": "BidRequest",
    "q": "OrderMassCancelRequest",
    "s": "NewOrderCross",
    "t": "CrossOrderCancelReplaceRequest",
    "u": "CrossOrderCancelRequest",
    "v": "SecurityTypeRequest",
    "x": "SecurityListRequest",
    "z": "DerivativeSecurityListRequest",
    "AB": "NewOrderMultileg",
    "AC": "MultilegOrderCancelReplace",
    "AF": "OrderMassStatusRequest",
    "AH": "RFQRequest",
    "AN": "RequestForPositions",
    "BE": "UserRequest",
    "BI": "TradingSessionListRequest",
    "BN": "ExecutionAck",
    "BT": "MarketDefinitionRequest",
    "CA": "OrderMassActionRequest",
    "DJ": "MassOrder",
}
"""MsgType → name of messages that only ever go from the client to the venue."""

SENT_BY_VENUES = {
    "8": "ExecutionReport",
    "9": "OrderCancelReject",
    "N": "ListStatus",
    "W": "MarketDataSnapshotFullRefresh",
    "X": "MarketDataIncrementalRefresh",
    "Y": "MarketDataRequestReject",
    "d": "SecurityDefinition",
    "f": "SecurityStatus",
    "h": "TradingSessionStatus",
    "l": "BidResponse",
    "r": "OrderMassCancelReport",
    "w": "SecurityTypes",
    "y": "SecurityList",
    "AA": "DerivativeSecurityList",
    "AM": "PositionMaintenanceReport",
    "AO": "RequestForPositionsAck",
    "AW": "AssignmentReport",
    "BF": "UserResponse",
    "BJ": "TradingSessionList",
    "BK": "SecurityListUpdateReport",
    "BL": "AdjustedPositionReport",
    "BP": "SecurityDefinitionUpdateReport",
    "BQ": "SettlementObligationReport",
    "BR": "DerivativeSecurityListUpdateReport",
    "BS": "TradingSessionListUpdateReport",
    "BU": "MarketDefinition",
    "BV": "MarketDefinitionUpdateReport",
    "BZ": "OrderMassActionReport",
    "DK": "MassOrderAck",
}
"""MsgType → name of messages that only ever go from the venue to the client."""

OPENING_RISK = {
    "D": "NewOrderSingle",
    "E": "NewOrderList",
    "G": "OrderCancelReplaceRequest",
    "L": "ListExecute",
    "S": "Quote",
    "i": "MassQuote",
    "s": "NewOrderCross",
    "t": "CrossOrderCancelReplaceRequest",
    "AB": "NewOrderMultileg",
    "AC": "MultilegOrderCancelReplace",
    "AJ": "QuoteResponse",
    "DJ": "MassOrder",
}
"""MsgType → name of messages that may lead to a trade, or to a larger one: orders, their changes (which may raise the
quantity and the price), quotes, and answers to quotes."""


def only_direction(dictionary: Dictionary, msg_type: str) -> Direction | None:
    """Give the only direction in which a message goes; None if it may go in both, or if that is not known."""
    if _is_in(SENT_BY_CLIENTS, dictionary, msg_type):
        return Direction.INBOUND
    return Direction.OUTBOUND if _is_in(SENT_BY_VENUES, dictionary, msg_type) else None


def opens_risk(dictionary: Dictionary, msg_type: str) -> bool:
    """Whether a message may lead to a trade, or to a larger one."""
    return _is_in(OPENING_RISK, dictionary, msg_type)


def _is_in(table: Mapping[str, str], dictionary: Dictionary, msg_type: str) -> bool:
    """Whether a table has this message of the dictionary. Some FIX versions have a longer form of its name."""
    return msg_type in table and dictionary.message_name(msg_type).startswith(table[msg_type])
