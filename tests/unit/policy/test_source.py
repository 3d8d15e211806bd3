"""Reading a mapping's text: plain data with lines, and what is refused, each at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.errors import MappingFaults
from authzsvc.policy.faults import MAX_FAULTS
from authzsvc.policy.source import MAX_BYTES, MAX_NODES, Spot, key_path, parse, read

FILE = "m.yaml"


def faults(text: str | bytes, file: str = FILE) -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(MappingFaults) as caught:
        parse(raw, file)
    return [str(fault) for fault in caught.value.faults]


def test_data_and_the_lines_of_its_keys() -> None:
    source = parse(b"a: 1\nb:\n  - x\n  - {c: 'y'}\n", FILE)
    assert source.data == {"a": 1, "b": ["x", {"c": "y"}]}
    assert source.line(("a",)) == 1
    assert source.line(("b",)) == 2
    assert source.line(("b", 0)) == 3
    assert source.line(("b", 1, "c")) == 4


def test_a_missing_key_is_placed_at_what_should_hold_it() -> None:
    source = parse(b"a: 1\nb:\n  c: 1\n", FILE)
    assert source.line(("b", "d", "e")) == 2
    assert source.line(("z",)) == 1


def test_scalars_stay_what_they_look_like() -> None:
    source = parse(b"[NO, y, on, 1.50, 0123, 1e3, 2024-01-01, 0x1f, '1', 12, -3, 0, true, ~, null, 1_000]", FILE)
    assert source.data == [
        *("NO", "y", "on", "1.50", "0123", "1e3", "2024-01-01", "0x1f", "1"),
        *(12, -3, 0, True, None, None, "1_000"),
    ]


def test_keys_are_text() -> None:
    assert parse(b"{167: CS, true: x}", FILE).data == {"167": "CS", "true": "x"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "\ufeff"])
def test_an_empty_file_is_null(text: str) -> None:
    assert parse(text.encode(), FILE).data is None


def test_json_with_tabs_has_lines_too() -> None:
    source = parse(b'{\n\t"a": [1,\n\t\t"b\\/c"]\n}', "m.json")
    assert source.data == {"a": [1, "b/c"]}
    assert source.line(("a", 1)) == 3


def test_all_duplicate_keys_are_told() -> None:
    assert faults("a: 1\nb: {x: 1, x: {x: 2, x: 3}}\na: 2\n") == [
        "m.yaml:2: `b.x` is there twice, first on line 2 (keep one of them)",
        "m.yaml:3: `a` is there twice, first on line 1 (keep one of them)",
    ]


def test_duplicate_keys_of_json() -> None:
    assert faults('{"a": 1,\n"a": 2}', "m.json") == ["m.json:2: `a` is there twice, first on line 1 (keep one of them)"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a:\n\t- b\n", "m.yaml:2:", "indent with spaces"),
        ("a: b: c\n", "m.yaml:1:", "mapping values are not allowed"),
        ("a:\n  - [1, 2\n", "m.yaml:3:", "expected"),
        ("a: 1\n b: 2\n", "m.yaml:2:", "mapping values"),
        ("a: &x [1]\nb: *x\n", "m.yaml:2: `b`", "alias `*x` is not taken"),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", "m.yaml:2: `b`", "tag `tag:yaml.org,2002:python"),
        ("a: !!binary aGk=\n", "m.yaml:1: `a`", "is not taken"),
        ("a: 1\n---\nb: 2\n", "m.yaml:2:", "second document"),
        ("a: 1\n? [b]\n: c\n", "m.yaml:2:", "key must be plain text"),
        ("a: 1\nb: \x00\n", "m.yaml:2:", "has a character"),
    ],
)
def test_faults_of_syntax_have_a_line(text: str, place: str, words: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(place)
    assert words in fault
    assert "\n" not in fault


def test_not_utf_8() -> None:
    assert faults(b"a: 1\nb: \xff\n") == ["m.yaml:2: is not UTF-8"]


@pytest.mark.parametrize("text", ['{"a": 1,}', "{'a': 1}", '{"a": tru}', "a: 1", ""])
def test_json_is_held_to_its_own_syntax(text: str) -> None:
    (fault,) = faults(text, "m.json")
    assert fault.startswith("m.json:1:")


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert "alias" in faults(bomb)[0]


@pytest.mark.parametrize(
    ("text", "file"),
    [("[" * 1_000_000, "m.yaml"), ("- " * 500_000, "m.yaml"), ('{"a":' * 500_000, "m.json"), ("{a: " * 50, "m.yaml")],
)
def test_deep_nesting_is_refused(text: str, file: str) -> None:
    assert "nested deeper" in faults(text, file)[0]


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(MappingFaults, match="larger than"):
        read(path)


def test_a_missing_file_is_a_fault_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(MappingFaults, match="cannot be read: no such file"):
        read(tmp_path / "none.yaml")


def test_key_paths_read_as_people_write_them() -> None:
    assert key_path(("scopes", "order:cancel", "grants", 0, "message")) == "scopes.order:cancel.grants[0].message"
    assert key_path(()) == ""


def test_a_file_of_too_many_values_is_refused() -> None:
    (fault,) = faults("a: [" + "[]," * MAX_NODES + "]")
    assert "is the end of more than 300000 values (make it several files)" in fault


def test_no_more_duplicate_keys_are_told_than_anybody_would_read() -> None:
    assert len(faults("a: 1\n" * 1000)) == MAX_FAULTS


def test_a_spot_knows_what_stands_there() -> None:
    top = Spot(parse(b"a:\n  - b: 1\n  - 2\n", "m.yaml"))
    assert top.at("a", 0, "b").data == 1
    assert (str(top.at("a", 1)), top.at("a", 1).data) == ("m.yaml:3", 2)
    assert [top.at("a", 2).data, top.at("x").data, top.at("a", "b").data, top.at("a", 1, "b").data] == [None] * 4
    assert str(top.at("a", 1).fault("is odd")) == "m.yaml:3: `a[1]` is odd"
