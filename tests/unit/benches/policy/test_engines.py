"""The other engines say what ours says. They come with the extra `bench`."""

from __future__ import annotations

import pytest

for package in ("casbin", "cedarpy", "regopy"):
    pytest.importorskip(package)

from authzsvc.errors import AuthzError  # noqa: E402
from benches.policy.__main__ import check  # noqa: E402
from benches.policy.engines import Engine, authzsvc, engines, meets  # noqa: E402


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
