from __future__ import annotations

import pytest

from authzsvc.contract.batch import split
from authzsvc.contract.reading import parse
from authzsvc.contract.request import FixRequest
from authzsvc.errors import ContractError
from tests.unit.checks import check, soh


def read(body: str, count: str = "2", **headers: str) -> FixRequest:
    named = {f"x-fix-{name.replace('_', '-')}": value for name, value in headers.items()}
    request = parse(check("t", body=soh(body), headers={"x-fix-batch": count, **named}))
    assert isinstance(request, FixRequest)
    return request


def test_one_message_is_itself() -> None:
    request = parse(check("t", body=soh("35=AB|34=17|11=a|")))
    assert isinstance(request, FixRequest)
    assert split(request) == (request,)


def test_messages_are_cut_where_their_type_stands() -> None:
    first, second, third = split(read("35=AB|34=17|11=a|35=D|34=18|43=Y|11=b|167=CS|11=c|35=F|34=19|43=N|", "3"))
    assert (first.msg_type, first.seq, first.poss_dup, first.fields.pairs) == ("AB", 17, False, ((11, b"a"),))
    assert (second.msg_type, second.seq, second.poss_dup) == ("D", 18, True)
    assert second.fields.pairs == ((11, b"b"), (167, b"CS"), (11, b"c"))
    assert (third.msg_type, third.seq, third.poss_dup, third.fields.pairs) == ("F", 19, False, ())
    assert all(each.party is first.party and each.messages == 1 for each in (first, second, third))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("", "2"),
        ("35=AB|34=17|", "2"),
        ("35=AB|34=17|35=AB|34=18|", "3"),
        ("35=AB|34=17|35=AB|34=18|35=AB|34=19|", "2"),
        ("11=a|35=AB|34=17|35=AB|34=18|", "2"),
        ("35=AB|34=17|35=AB|", "2"),
        ("35=AB|34=17|35=AB|11=a|34=18|", "2"),
        ("35=AB|34=17|35=AB|43=Y|34=18|", "2"),
        ("35=AB|34=17|35=A B|34=18|", "2"),
        ("35=AB|34=17|35=AB|34=x|", "2"),
        ("35=AB|34=17|35=AB|34=9223372036854775808|", "2"),
        ("35=AB|34=17|35=AB|34=18|43=X|", "2"),
        ("35=D|34=17|35=AB|34=18|", "2"),
        ("35=AB|34=16|35=AB|34=18|", "2"),
        ("35=AB|34=17|43=Y|35=AB|34=18|", "2"),
    ],
)
def test_what_is_cut_otherwise_than_the_headers_say_is_refused(body: str, count: str) -> None:
    with pytest.raises(ContractError):
        split(read(body, count))


@pytest.mark.parametrize("count", ["", "0", "1", "-2", "2.0", "4097", "99999999999", "\uff12"])
def test_a_count_is_a_number_of_several(count: str) -> None:
    with pytest.raises(ContractError, match="x-fix-batch"):
        read("35=AB|34=17|35=AB|34=18|", count)


@pytest.mark.parametrize("more", [{"event": "logon", "msg_type": "A"}, {"refresh": "Y"}])
def test_only_messages_that_wait_come_together(more: dict[str, str]) -> None:
    with pytest.raises(ContractError, match="x-fix-batch"):
        read("35=A|34=17|35=AB|34=18|", **more)


def test_no_field_reaches_over_from_one_message_to_the_next() -> None:
    with pytest.raises(ContractError, match="354"):
        read("35=AB|34=17|354=1|35=AB|34=18|355=x|")
