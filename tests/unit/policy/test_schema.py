"""The published JSON Schema: as the models would have it, true of what is shipped, and of use against mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from authzsvc.policy.includes import Files
from authzsvc.policy.schema import PUBLISHED, schema, text
from authzsvc.policy.source import read
from tests.unit.policy.building import HEAD

MAPPINGS = Path(__file__).parents[3] / "mappings"
VALIDATOR = Draft202012Validator(schema())

SCOPE = "scopes: {a:b: {grants: [{message: D, when: {167: %s}}]}}\n"


def valid(document: Any) -> bool:  # noqa: ANN401 (any YAML)
    return bool(VALIDATOR.is_valid(as_json(document)))


def as_json(document: Any) -> Any:  # noqa: ANN401
    """Keys are text in JSON."""
    if isinstance(document, dict):
        return {str(key): as_json(inner) for key, inner in document.items()}
    return [as_json(inner) for inner in document] if isinstance(document, list) else document


def test_what_is_published_is_what_the_models_say() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == text(), "make it anew: python -m authzsvc.policy.schema"


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", ["quickstart.yaml", "institutional.yaml"])
def test_what_is_shipped_is_valid(name: str) -> None:
    files = Files(MAPPINGS / name, [])
    files.include(read(MAPPINGS / name))
    for source in files.sources:
        document = yaml.safe_load(Path(source.file).read_text(encoding="utf-8"))
        assert [error.message for error in VALIDATOR.iter_errors(as_json(document))] == [], source.file


def test_what_is_shipped_tells_editors_of_it() -> None:
    for path in MAPPINGS.rglob("*.yaml"):
        if not path.name.endswith(".test.yaml"):
            way = "../" * (len(path.relative_to(MAPPINGS).parts) - 1)
            assert path.read_text().startswith(f"# yaml-language-server: $schema={way}schema.json\n"), path.name


@pytest.mark.parametrize(
    "said",
    [
        "CS",
        "1",
        "1.5",
        "{equals: CS}",
        "{in: [CS, 1]}",
        "{not: CS}",
        "{not: [CS]}",
        "{min: 1, max: 1.5}",
        "{after: '08:00'}",
        "{absent: true}",
        "{any_entry: {448: {claim: a.b}}}",
        "{equals: CS, every: NoLegs, occurrences: any}",
    ],
)
def test_conditions(said: str) -> None:
    assert valid(yaml.safe_load(HEAD + SCOPE % said))
    assert valid(yaml.safe_load(SCOPE % said))


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "scopes: {a b: {grants: [{message: D}]}}",
        HEAD + "scopes: {a:b: {grants: []}}",
        HEAD + "scopes: {a:b: {modifier: false}}",
        HEAD + "scopes: {a:b: {modifier: true, grants: [{message: D}]}}",
        HEAD + "scopes: {a:b: {grants: [{mesage: D}]}}",
        HEAD + "scopes: {a:b: {grants: [{message: D, direction: up}]}}",
        HEAD + SCOPE % "{equls: CS}",
        HEAD + SCOPE % "~",
        HEAD + SCOPE % "{equals: ~}",
        HEAD + SCOPE % "[CS]",
        HEAD + SCOPE % "{present: false}",
        HEAD + SCOPE % "{after: 8h}",
        HEAD.replace("version: 1", "version: 3") + SCOPE % "CS",
        HEAD.replace("name: m\n", "") + SCOPE % "CS",
        "name: m\n" + SCOPE % "CS",
        "lists: {a b: {values: [A]}}",
        "zzz: 1",
    ],
)
def test_mistakes(text: str) -> None:
    assert not valid(yaml.safe_load(text))
