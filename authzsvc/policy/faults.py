"""Faults as they are gathered: each told once, and not without end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from authzsvc.errors import AuthzError, Fault, MappingFaults

MAX_FAULTS = 100


class EnoughError(AuthzError):
    """Raised when so many faults were found that looking on would help nobody."""


class Gathered(list[Fault]):
    """The faults of one mapping. Raises `EnoughError` on one too many, so that a hostile file cannot keep us busy."""

    def append(self, fault: Fault, /) -> None:
        """Add a fault."""
        if len(self) >= MAX_FAULTS:
            raise EnoughError
        super().append(fault)

    def extend(self, faults: Iterable[Fault], /) -> None:
        """Add several."""
        for fault in faults:
            self.append(fault)

    def refusal(self, files: Sequence[str]) -> MappingFaults:
        """Make the error: in the order of these files, and of their lines."""
        order = {file: index for index, file in enumerate(files)}
        once = dict.fromkeys(self)
        return MappingFaults(sorted(once, key=lambda fault: (order.get(fault.file, len(order)), fault.line)))
