"""What is in force: the mapping and the operators' restrictions. Both may be exchanged between any two decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

from authzsvc.policy.engine import Policy
from authzsvc.sessions.restrictions import Restrictions


@dataclass(slots=True)
class InForce:
    """Looked at once for each decision."""

    policy: Policy
    restrictions: Restrictions = field(default_factory=Restrictions)
