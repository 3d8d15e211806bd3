"""FIX versions as engines name them, and the application messages of each that their dictionaries accept."""

from __future__ import annotations

from dataclasses import dataclass

Fields = list[tuple[int, object]]

FIXT = "FIXT.1.1"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the session level, and of the messages above it."""

    begin_string: str
    application: str
    level: int
    """40 to 44, 50, 51 (SP1), 52 (SP2): to compare."""

    def __str__(self) -> str:
        return self.application

    @property
    def reject(self) -> str:
        """The MsgType (35) of the reject that a denied order gets."""
        return "3" if self.level < 42 else "j"

    def order(self, order_id: str, symbol: str = "ACME") -> Fields:
        """NewOrderSingle (D), a limit order to buy."""
        fields: Fields = [(11, order_id), (21, 1), (38, 100), (40, 2), (44, 10), (54, 1), (55, symbol)]
        return fields if self.level < 42 else [*fields, (60, "20300101-10:00:00")]

    def cancel(self, order_id: str, symbol: str = "ACME") -> Fields:
        """OrderCancelRequest (F)."""
        fields: Fields = [(11, order_id), (38, 100), (41, "o"), (54, 1), (55, symbol)]
        if self.level == 40:
            return [*fields, (125, "F")]
        return fields if self.level < 42 else [*fields, (60, "20300101-10:00:00")]

    def report(self, order_id: str, symbol: str = "ACME") -> Fields:
        """ExecutionReport (8): new. FIX.4.0 knows numbers alone for ExecID."""
        fields: Fields = [(37, f"V-{order_id}"), (11, order_id), (17, order_id[1:]), (39, 0), (54, 1), (55, symbol)]
        fields += [(6, 0), (14, 0), (38, 100)]
        if self.level <= 42:
            fields += [(20, 0)]
        if self.level <= 41:
            fields += [(31, 0), (32, 0)]
        return fields if self.level == 40 else [*fields, (150, 0), (151, 100)]


VERSIONS = (
    Version("FIX.4.0", "FIX.4.0", 40),
    Version("FIX.4.1", "FIX.4.1", 41),
    Version("FIX.4.2", "FIX.4.2", 42),
    Version("FIX.4.3", "FIX.4.3", 43),
    Version("FIX.4.4", "FIX.4.4", 44),
    Version(FIXT, "FIX.5.0", 50),
    Version(FIXT, "FIX.5.0SP1", 51),
    Version(FIXT, "FIX.5.0SP2", 52),
)
FIX44 = VERSIONS[4]
FIX50 = VERSIONS[5]
APPL_VER_IDS = {"FIX.5.0": "7", "FIX.5.0SP1": "8", "FIX.5.0SP2": "9"}
"""ApplVerID (1128) and DefaultApplVerID (1137) on the wire."""
