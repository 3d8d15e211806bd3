"""`python -m authzsvc.policy.schema`: make `mappings/schema.json` anew, the JSON Schema of the mapping language.

It is made from the models that mappings are held against, for editors to complete and check with; it describes the top
file of a mapping, and files that one includes. The outcome is committed, and a test fails when it drifts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from authzsvc.policy.language import Fragment, Mapping

PUBLISHED = Path(__file__).parents[2] / "mappings" / "schema.json"

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a mapping's files."""
    made = TypeAdapter(Mapping | Fragment).json_schema(by_alias=True)
    top, included = made["anyOf"]
    return {
        "$schema": _DRAFT,
        "title": "A mapping of OAuth scopes to FIX messages",
        "if": {"anyOf": [{"required": [key]} for key in Mapping.model_fields if key not in Fragment.model_fields]},
        "then": top,
        "else": included,
        "$defs": _plain(made["$defs"]),
    }


def text() -> str:
    """Give it as it is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(part: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Leave out what editors have no use for, and say that names of a wrong shape are wrong."""
    if isinstance(part, list):
        return [_plain(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    part = _joined(dict(part))
    if part.get("default", ...) is None:
        del part["default"]
    if "patternProperties" in part:
        part["additionalProperties"] = False
    return {key: _plain(inner) for key, inner in part.items() if key != "title" or not isinstance(inner, str)}


def _joined(part: dict[str, Any]) -> dict[str, Any]:
    """Make one of what "any of" leaves: without the null that stands for a key left out, types in one list."""
    if "anyOf" not in part:
        return part
    ways = [way for way in part.pop("anyOf") if way != {"type": "null"}]
    if len(ways) == 1:
        part.update(ways[0])
        return part
    if all(way.keys() == {"type"} for way in ways):
        return part | {"type": [way["type"] for way in ways]}
    return part | {"anyOf": ways}


if __name__ == "__main__":
    PUBLISHED.write_text(text(), encoding="utf-8")
