"""Three answers, because some questions about a message cannot be answered.

They are ordered: "and" is the least of several answers, "or" the greatest.
"""

from __future__ import annotations

from enum import IntEnum

from authzsvc.errors import AuthzError


class Truth(IntEnum):
    """Whether something holds for a message."""

    NO = 0
    DOUBT = 1
    """It cannot be told. A grant takes it for a no, a forbid for a yes."""
    YES = 2


class DoubtError(AuthzError):
    """Raised by a test that cannot be made; its text says why, and quotes nothing of the message."""
