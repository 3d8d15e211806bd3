"""What is measured: the variants of what stands between the client and the venue, and what each is held against."""

from __future__ import annotations

from enum import StrEnum


class Variant(StrEnum):
    """What stands between the client and the venue."""

    DIRECT = "direct"
    TCP_PROXY = "tcp_proxy"
    NOCHECK = "nocheck"
    CHECK = "check"
    CHECK_ONE = "check_one"
    CHECK_TWO = "check_two"
    KEPT = "kept"
    MIXED = "tcp_proxy_mixed"
    WARM = "warm"
    OPA = "opa"
    OPA_KEPT = "opa_kept"
    QUICKFIX = "quickfix"


TITLES = {
    Variant.DIRECT: "nothing (load alone)",
    Variant.TCP_PROXY: "Envoy, `tcp_proxy`",
    Variant.NOCHECK: "filter, no Check",
    Variant.CHECK: "filter, Check, audit",
    Variant.CHECK_ONE: "filter, a Check a message, audit",
    Variant.CHECK_TWO: "filter, Check, audit, two services",
    Variant.KEPT: "filter, warm cache",
    Variant.MIXED: "mixed day: Envoy, `tcp_proxy`",
    Variant.WARM: "mixed day: filter, warm cache",
    Variant.OPA: "filter, Check by OPA, log",
    Variant.OPA_KEPT: "filter, OPA, warm cache",
    Variant.QUICKFIX: "QuickFIX bridge, checks in its application",
}

BASELINES = {
    Variant.DIRECT: Variant.TCP_PROXY,
    Variant.NOCHECK: Variant.TCP_PROXY,
    Variant.CHECK: Variant.TCP_PROXY,
    Variant.CHECK_ONE: Variant.TCP_PROXY,
    Variant.CHECK_TWO: Variant.CHECK,
    Variant.KEPT: Variant.TCP_PROXY,
    Variant.WARM: Variant.MIXED,
    Variant.OPA: Variant.CHECK_ONE,
    Variant.OPA_KEPT: Variant.KEPT,
    Variant.QUICKFIX: Variant.KEPT,
}
"""What each is held against; what people would use instead is held against the gateway."""

BY_TURNS = (
    Variant.DIRECT,
    Variant.TCP_PROXY,
    Variant.NOCHECK,
    Variant.KEPT,
    Variant.MIXED,
    Variant.WARM,
    Variant.OPA_KEPT,
)
"""Those whose round trip takes some tens of microseconds: they take turns, so that their differences can be told."""
ASKED = (Variant.CHECK, Variant.CHECK_ONE, Variant.CHECK_TWO, Variant.OPA)
"""Those with whose round trip a service is asked."""
ALONE = (Variant.QUICKFIX,)
"""The others."""
ADDS = (Variant.NOCHECK, Variant.KEPT, Variant.WARM)
"""Those of which it is told what they add to plain Envoy's round trip."""
INSTEAD = (Variant.OPA, Variant.OPA_KEPT, Variant.QUICKFIX)
"""What people would use instead of the gateway; not everyone can build them."""
