from __future__ import annotations

from typing import Any

from authzsvc.contract.party import Party, party, plain
from authzsvc.policy.question import CompIds
from tests.unit.checks import check


def read(**headers: str) -> Party:
    return whose(check("t", headers={name.replace("_", "-"): value for name, value in headers.items()}))


def whose(request: Any) -> Party:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """As `request` has it: without what is about one message, or secret."""
    attributes = request.attributes
    own = ("authorization", "x-fix-msg-seq-num")
    headers = {name: value for name, value in plain(attributes.request.http.headers).items() if name not in own}
    return party(headers, attributes)


def test_the_same_words_are_read_once() -> None:
    assert whose(check("t")) is whose(check("another", headers={"x-fix-msg-seq-num": "18"}))


def test_other_words_are_another_party() -> None:
    known = read()
    for name, value in {
        "x_fix_sender_comp_id": "OTHER",
        "x_fix_sender_sub_id": "S",
        "x_fix_session": "s2",
        "x_fix_certificate_sha256": "a" * 64,
        "x_fix_direction": "outbound",
    }.items():
        assert read(**{name: value}) != known
    moved = check("t")
    moved.attributes.source.address.socket_address.port_value = 1
    assert whose(moved).address == "192.0.2.7:1"
    renamed = check("t")
    renamed.attributes.source.principal = "spiffe://other"
    assert whose(renamed).principal == "spiffe://other"
    elsewhere = check("t")
    elsewhere.attributes.context_extensions["tenant"] = "b"
    assert whose(elsewhere).context == {"gateway": "gw-1", "tenant": "b"}


def test_a_name_of_one_kind_is_no_name_of_another() -> None:
    assert read(x_fix_sender_sub_id="S").client.sub_id == "S"
    assert read(x_fix_sender_location_id="S").client.sub_id is None


def test_long_words_are_not_remembered() -> None:
    long = {"x_fix_sender_sub_id": "s" * 2000}
    assert read(**long) == read(**long)
    assert read(**long) is not read(**long)


def test_nothing_long_is_remembered_whichever_word_it_is() -> None:
    """Whoever reaches a listener chooses all of them, before he has proven anything."""
    kinds = {
        "the name of a header": check("t", headers={"n" * 5_000: ""}),
        "headers": check("t", headers={f"h{number}": "" for number in range(100)}),
        "the principal": check("t"),
        "the address": check("t"),
        "a fact": check("t"),
        "the name of a fact": check("t"),
        "facts": check("t"),
    }
    kinds["the principal"].attributes.source.principal = "p" * 5_000
    kinds["the address"].attributes.source.address.socket_address.address = "1" * 5_000
    kinds["a fact"].attributes.context_extensions["tenant"] = "c" * 5_000
    kinds["the name of a fact"].attributes.context_extensions["c" * 5_000] = ""
    kinds["facts"].attributes.context_extensions.update({f"c{number}": "" for number in range(100)})
    for kind, request in kinds.items():
        assert whose(request) is not whose(request), kind


def test_what_no_proxy_would_say_is_a_fault() -> None:
    assert read().fault == ""
    assert "x-fix-direction" in read(x_fix_direction="?").fault
    assert "x-fix-sender-comp-id" in read(x_fix_sender_comp_id="").fault
    assert "x-fix-target-comp-id" in read(x_fix_target_comp_id="x" * 257).fault


def test_the_clients_ids_are_the_senders_or_the_targets() -> None:
    ids = {
        "x_fix_sender_sub_id": "50",
        "x_fix_sender_location_id": "142",
        "x_fix_target_sub_id": "57",
        "x_fix_target_location_id": "143",
        "x_fix_on_behalf_of_comp_id": "115",
        "x_fix_on_behalf_of_sub_id": "116",
        "x_fix_on_behalf_of_location_id": "144",
        "x_fix_deliver_to_comp_id": "128",
        "x_fix_deliver_to_sub_id": "129",
        "x_fix_deliver_to_location_id": "145",
    }
    assert read(**ids).client == CompIds("ALGO", "50", "142", "115", "VENUE", "116", "144")
    assert read(**ids, x_fix_direction="outbound").client == CompIds("VENUE", "57", "143", "128", "ALGO", "129", "145")
