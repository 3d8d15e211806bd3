"""Definitions of attributes: which one counts, and what no FIX version has."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.policy.compiler import compile_mapping
from tests.unit.policy.building import ask, build, told, told_of, write

RULE = "scopes: {a:b: {grants: [{message: D, when: {a: X}}]}}\n"


def test_one_of_the_mapping_replaces_one_that_it_includes(tmp_path: Path) -> None:
    own = "include: [lib.yaml]\nattributes: {a: {sources: [Symbol], override: true}}\n" + RULE
    policy = compile_mapping(write(tmp_path, m=own, lib="attributes: {a: {sources: [Account]}}\n"))
    assert ask(policy, "D|55=X").allowed
    assert not ask(policy, "D|1=X").allowed


def test_two_of_one_name_are_a_fault(tmp_path: Path) -> None:
    own = "include: [lib.yaml]\nattributes: {a: {sources: [Symbol]}}\n" + RULE
    (found,) = told_of(write(tmp_path, m=own, lib="attributes: {a: {sources: [Account]}}\n"))
    assert found == (
        "lib.yaml:1: `attributes.a` is there twice, first in m.yaml:6"
        " (write `override: true` where it replaces the other)"
    )


def test_two_that_replace_the_same_are_a_fault(tmp_path: Path) -> None:
    own = "include: [lib.yaml, more.yaml]\nattributes: {a: {sources: [Symbol], override: true}}\n" + RULE
    files = {"lib": "attributes: {a: {sources: [Account]}}\n"}
    files["more"] = "attributes: {a: {sources: [Side], override: true}}\n"
    (found,) = told_of(write(tmp_path, m=own, **files))
    assert found.endswith("is there twice, first in m.yaml:6 (keep one of them)")


def test_tags_and_values_of_any_version() -> None:
    text = "attributes: {a: {values: {X: [{MassOrderRequestID: x}, {SecurityType: {in: [ETF, GOVT]}}]}}}\n" + RULE
    policy = build(text)
    assert ask(policy, "D|167=ETF").allowed
    assert ask(policy, "D|167=GOVT").allowed


def test_a_tag_that_says_the_same_has_the_values_of_the_other() -> None:
    also = "also: [{SecurityType: LegSecurityType}]"
    text = f"attributes: {{a: {{values: {{X: [{{SecurityType: CommonStock}}]}}, {also}}}}}\n" + RULE
    policy = build(text.replace("message: D", "message: AB"))
    assert ask(policy, "AB|555=1|600=A|609=CS").allowed
    assert not ask(policy, "AB|555=1|600=A|609=CommonStock").allowed


def test_sources_of_some_versions() -> None:
    text = "attributes: {a: {sources: [Symbol, {tag: Account, versions: FIX.5.0..FIX.5.0SP2}]}}\n" + RULE
    assert ask(build(text), "D|55=X|1=Y").allowed
    newest = "version: 1\nname: m\nfix: FIX.5.0SP1\nsession: {identity: {}}\n"
    assert not ask(build(text, head=newest), "D|55=X|1=Y").allowed


@pytest.mark.parametrize(
    ("attribute", "fault"),
    [
        ("{sources: [Symbl]}", "`attributes.a.sources[0]` FIX.4.4 has no field `Symbl` (did you mean `Symbol`?)"),
        ("{sources: [Password]}", "is a secret, or measures one: decisions do not see it"),
        ("{sources: [SenderCompID]}", "is a header or trailer field that no condition can be on"),
        ("{sources: [{tag: Symbol, with: {Sid: 1}}]}", "`attributes.a.sources[0].with.Sid` FIX.4.4 has no field `Sid`"),
        ("{sources: [{tag: Symbol, versions: FIX.4.9}]}", "`FIX.4.9` is no FIX version"),
        ("{sources: [{tag: Symbol, versions: FIX.4.4..FIX.4.2}]}", "`FIX.4.4..FIX.4.2` begins with the later version"),
        ("{sources: [Symbol], otherwise: b}", "has `otherwise`, which does not go with `sources`"),
        ("{values: {X: [{Side: Byu}]}}", "`attributes.a.values.X[0].Side.equals` FIX.4.4 has no value of Side `Byu`"),
        ("{values: {X: [{Side: Buy}]}, by_entries: [Y]}", "`Y` is no value of it"),
        ("{values: {X: [{Side: Buy}]}, otherwise: Y}", "`Y` is no value of it"),
        ("{values: {X: [{Side: Buy}]}, otherwise: {FIX.4.4: Y}}", "`Y` is no value of it"),
        ("{values: {X: [{Side: Buy}]}, families: {F: [Y]}}", "`Y` is no value of it"),
        ("{values: {X: [{Side: Buy}]}, families: {X: [X]}}", "is a value of it already (call the family otherwise)"),
        ("{values: {X: [{Side: Buy}]}, also: [{Side: LegSid}]}", "FIX.4.4 has no field `LegSid`"),
        ("{values: {X: [{Side: Buy}]}, fold: true}", "has `fold`, which does not go with `values`"),
        ("{values: {X: []}}", "must not be empty"),
        ("{description: none}", "takes either `values`, or `sources` or a `product`"),
        ("{sources: [Symbol], override: true}", "replaces nothing (leave `override` out)"),
        ("{sources: [Symbol], overide: true}", "is not a key of the language (did you mean `override`?)"),
        ("{sources: [{tag: Symbol, wth: {Side: 1}}]}", "is not a key of the language (did you mean `with`?)"),
    ],
)
def test_faults(attribute: str, fault: str) -> None:
    found = told(f"attributes: {{a: {attribute}}}\nscopes: {{a:b: {{grants: [{{message: D}}]}}}}\n")
    assert fault in found[0]
    assert len(found) == 1


def test_an_attribute_is_called_as_no_tag_is() -> None:
    (found,) = told("attributes: {AssetClass: {sources: [Symbol]}}\nscopes: {a:b: {grants: [{message: D}]}}\n")
    assert "is no name" in found


def test_the_clock_is_no_attribute() -> None:
    (found,) = told("attributes: {now: {sources: [Symbol]}}\nscopes: {a:b: {grants: [{message: D}]}}\n")
    assert "attributes.now` is the gateway's clock (call the attribute otherwise)" in found
