"""The length fields of FIX, and the data field that each one measures (all versions to FIX.5.0SP2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_FOLLOWED_BY_NEXT_TAG = (
    90, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362, 364, 445, 618, 621, 1184, 1277, 1280, 1282, 1397, 1401, 1403,
    1468, 1578, 1620, 1664, 1733, 1871, 1874, 2072, 2074, 2111, 2179, 2287, 2351, 2481, 2637, 2651, 2665, 2715, 2718,
    2721, 2797, 40004, 40008, 40978, 40980, 40982, 40984, 40986, 40988, 41083, 41101, 41107, 41256, 41320, 41324, 41458,
    41476, 41482, 41653, 41710, 41806, 41811, 41873, 41969, 42025, 42171, 42451, 42652, 42947,
)  # fmt: skip

_IRREGULAR = {
    93: 89, 1525: 1527, 1678: 1697, 2372: 2371, 2494: 2493, 2522: 2521, 2802: 2801, 2809: 2808, 2815: 2814,
    43109: 42684, 43110: 42486, 43111: 42982,
}  # fmt: skip

DATA_OF_LENGTH: Mapping[int, int] = MappingProxyType({tag: tag + 1 for tag in _FOLLOWED_BY_NEXT_TAG} | _IRREGULAR)
"""Length tag → data tag."""
