"""The dictionary: facts of each version, and how people may name them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from authzsvc.errors import UnknownName
from authzsvc.fix.data_fields import DATA_OF_LENGTH
from authzsvc.fix.dictionary import VERSIONS, CustomField, Dictionary, load


@pytest.fixture
def fix44() -> Dictionary:
    return load("FIX.4.4")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_the_basics(version: str) -> None:
    dictionary = load(version)
    assert dictionary.version == version
    assert dictionary.message("NewOrderSingle") == "D"
    assert dictionary.message_name("0") == "Heartbeat"
    assert dictionary.tag("ClOrdID") == 11
    assert {8, 9, 35, 49, 56, 34, 52, 10} <= dictionary.envelope
    assert {11, 55, 54} <= dictionary.fields_of("D")
    assert dictionary.value(54, "Buy") == b"1"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_of_every_message_has_a_name(version: str) -> None:
    dictionary = load(version)
    for msg_type in ("D", "8", "F", "A"):
        assert all(dictionary.tag_name(tag) != str(tag) for tag in dictionary.fields_of(msg_type))


def test_a_version_is_read_once() -> None:
    assert load("FIX.4.2") is load("FIX.4.2")


def test_an_unknown_version_gives_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no dictionary for `FIX50SP2`; did you mean `FIX\.5\.0SP2`\?"):
        load("FIX50SP2")


def test_fix_5_has_the_session_messages_of_fixt() -> None:
    dictionary = load("FIX.5.0SP2")
    assert dictionary.message("Logon") == "A"
    assert 1137 in dictionary.fields_of("A")
    assert 1128 in dictionary.envelope


@pytest.mark.parametrize("name", ["NewOrderMultileg", "newordermultileg", "New Order Multileg", "AB"])
def test_a_message_by_name_or_type(fix44: Dictionary, name: str) -> None:
    assert fix44.message(name) == "AB"


def test_an_msg_type_is_case_sensitive(fix44: Dictionary) -> None:
    assert (fix44.message("q"), fix44.message("Q")) == ("q", "Q")
    with pytest.raises(UnknownName):
        fix44.message("ab")


@pytest.mark.parametrize("name", ["SecurityType", "securitytype", "SECURITY_TYPE", "167", 167])
def test_a_field_by_name_or_number(fix44: Dictionary, name: str | int) -> None:
    assert fix44.tag(name) == 167


@pytest.mark.parametrize("number", [5000, 9999, 10005, 999_999])
def test_user_defined_fields_pass_by_number(fix44: Dictionary, number: int) -> None:
    assert fix44.tag(number) == number
    assert fix44.tag_name(number) == str(number)
    assert fix44.type(number) is None


@pytest.mark.parametrize("number", ["0167", "0", "-1", "+167", " 167", "4999", "1000000", "16_7"])
def test_other_numbers_do_not_pass(fix44: Dictionary, number: str) -> None:
    with pytest.raises(UnknownName):
        fix44.tag(number)


@pytest.mark.parametrize("name", ["COMMON_STOCK", "CommonStock", "common stock", "CS"])
def test_a_value_by_name_or_as_it_stands(fix44: Dictionary, name: str) -> None:
    assert fix44.value(167, name) == b"CS"


def test_a_raw_value_comes_before_a_name(fix44: Dictionary) -> None:
    assert fix44.value(167, "CORP") == b"CORP"


def test_a_field_without_listed_values_takes_any(fix44: Dictionary) -> None:
    assert fix44.value(1, "ACC-1") == b"ACC-1"
    assert fix44.value(9000, "x") == b"x"


@pytest.mark.parametrize(
    ("field", "value"), [("MarketDepth", "1"), ("Price", "10.5"), ("Price", "-1"), ("Account", "1")]
)
def test_a_value_of_the_field_s_type(fix44: Dictionary, field: str, value: str) -> None:
    assert fix44.value(fix44.tag(field), value) == value.encode()


@pytest.mark.parametrize(
    ("field", "value"), [("MarketDepth", "TopOfBook"), ("Price", "cheap"), ("NoRelatedSym", "2.0")]
)
def test_a_name_is_not_taken_for_a_value(fix44: Dictionary, field: str, value: str) -> None:
    with pytest.raises(UnknownName, match="has no named values"):
        fix44.value(fix44.tag(field), value)


def test_several_values_at_once_where_the_type_holds_several(fix44: Dictionary) -> None:
    assert fix44.value(18, "1 G") == b"1 G"
    with pytest.raises(UnknownName):
        fix44.value(18, "1 ?")


def test_a_name_that_stands_for_several_values_is_refused() -> None:
    with pytest.raises(UnknownName, match="stands for several values of `MatchType`"):
        load("FIX.5.0").value(574, "CallAuction")


@pytest.mark.parametrize(
    ("kind", "name", "nearest"),
    [
        ("message", "NewOrderSingel", "NewOrderSingle"),
        ("tag", "SecurtyType", "SecurityType"),
        ("value", "ComonStock", "COMMON_STOCK"),
    ],
)
def test_an_unknown_name_gives_the_nearest(fix44: Dictionary, kind: str, name: str, nearest: str) -> None:
    lookup: dict[str, Callable[[str], object]] = {
        "message": fix44.message,
        "tag": fix44.tag,
        "value": partial(fix44.value, 167),
    }
    with pytest.raises(UnknownName, match=rf"`{name}`; did you mean `{nearest}`\?"):
        lookup[kind](name)


@pytest.mark.parametrize(("version", "delimiter"), [("FIX.4.2", 55), ("FIX.4.4", 55), ("FIX.5.0SP2", 55)])
def test_the_symbol_group_of_a_market_data_request(version: str, delimiter: int) -> None:
    group = load(version).group(146, "V")
    assert group is not None
    assert group.delimiter == delimiter
    assert 167 in group.fields


def test_a_group_holds_the_fields_of_nested_groups(fix44: Dictionary) -> None:
    group = fix44.group(453, "D")
    assert group is not None
    assert group.fields == {448, 447, 452, 802, 523, 803}


def test_no_group(fix44: Dictionary) -> None:
    assert fix44.group(167) is None
    assert fix44.group(146, "D") is None


def test_a_group_without_naming_the_message(fix44: Dictionary) -> None:
    assert fix44.group(453) == fix44.group(453, "D")


def test_the_length_fields_of_the_newest_version_are_those_that_the_reader_knows() -> None:
    newest = load("FIX.5.0SP2")
    for length, data in DATA_OF_LENGTH.items():
        if newest.type(length) is not None:
            assert newest.type(length) == "LENGTH", length
            assert newest.type(data) in ("DATA", "XMLDATA"), data


def test_a_group_inside_another_is_told_so() -> None:
    dictionary = load("FIX.4.4")
    parties = {msg_type: dictionary.group(453, msg_type) for msg_type in ("D", "AE")}
    assert {msg_type: group and group.nested for msg_type, group in parties.items()} == {"D": False, "AE": True}


def test_a_venue_s_own_fields_and_messages() -> None:
    standard = load("FIX.4.4")
    desk = CustomField("DeskCode", "STRING", {"A": "Alpha"})
    extended = standard.with_custom({5001: desk}, {"U1": "DeskReport"})
    assert (extended.tag("deskcode"), extended.value(5001, "Alpha"), extended.tag_name(5001)) == (
        5001,
        b"A",
        "DeskCode",
    )
    assert (extended.message("DeskReport"), extended.message_name("U1")) == ("U1", "DeskReport")
    assert extended.has_field("D", 5001)
    assert extended.has_field("U1", 55)
    assert not extended.has_field("U1", 49)
    assert not extended.has_field("F", 44)
    assert standard.tag_name(5001) == "5001"
    with pytest.raises(UnknownName):
        standard.message("U1")
