"""The operator's guide against the code: every setting and every metric is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from authzsvc.gateway.filter_settings import FilterSettings
from authzsvc.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "operations.md").read_text()
NAMED = set(re.findall(r"`([a-z_.\[\]]+)`", GUIDE))


def keys(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner, mark = nested(field.annotation)
        if inner is None:
            yield f"{path}{name}"
        else:
            yield from keys(inner, f"{path}{name}{mark}.")


def nested(annotation: Any) -> tuple[type[BaseModel] | None, str]:  # noqa: ANN401
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    for argument in get_args(annotation):
        inner, mark = nested(argument)
        if inner is not None:
            listed = getattr(annotation, "__origin__", None) is list
            return inner, "[]" if listed else mark
    return None, ""


def test_every_setting_of_the_service_is_in_it() -> None:
    assert set(keys(Settings)) - NAMED == set()


def test_every_setting_of_the_filter_is_in_it() -> None:
    assert set(keys(FilterSettings)) - NAMED == set()


def test_every_metric_is_in_it_and_no_other() -> None:
    stats = (ROOT / "envoy/core/src/stats.rs").read_text() + (ROOT / "envoy/module/src/config.rs").read_text()
    defined = set(re.findall(r'"(fix_authz\.[a-z_]+)"', stats))
    assert defined == {name for name in NAMED if name.startswith("fix_authz.")}


def test_every_metric_of_the_service_is_in_it_and_no_other() -> None:
    source = (ROOT / "authzsvc/server/metrics.py").read_text()
    families = re.findall(r'(Counter|Gauge)MetricFamily\(\s*"(\w+)"', source)
    defined = {name + "_total" * (kind == "Counter") for kind, name in families}
    assert len(defined) == 18
    assert defined == {name for name in NAMED if name.startswith("authzsvc_")}
