"""The other engines say what ours says."""

from __future__ import annotations

import pytest

from authzsvc.errors import AuthzError
from benches.policy.__main__ import check
from benches.policy.engines import Engine, authzsvc, engines, meets


def test_all_engines_agree_on_the_day_for_each_set_of_scopes() -> None:
    found = engines()
    assert [engine.name for engine in found] == ["authzsvc", "casbin", "cedarpy", "regopy"]
    check(found)


@pytest.mark.parametrize("answer", [True, False])
def test_an_engine_that_decides_otherwise_is_named(answer: bool) -> None:
    ours = authzsvc()
    with pytest.raises(AuthzError, match=r"^other decided otherwise"):
        check([ours, Engine("other", ours.prepare, lambda _: answer)])


@pytest.mark.parametrize(
    ("fields", "when", "met"),
    [
        ({}, "*", True),
        ({"263": ("1",), "264": ("1",)}, "263=1;264=1", True),
        ({"263": ("1",), "264": ("0",)}, "263=1;264=1", False),
        ({"263": ("1",)}, "263=1;264=1", False),
        ({"167": ("OPT", "CS")}, "167=OPT", False),
        ({"167": ("OPT", "OPT")}, "167=OPT", True),
    ],
)
def test_the_conditions_of_a_line_hold_for_every_occurrence(
    fields: dict[str, tuple[str, ...]], when: str, met: bool
) -> None:
    assert meets(fields, when) is met
