"""Differences in meaning: who gains and loses what; and nothing where only the text changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.workflow import diff

Write = Callable[..., Path]


def differences(desk: Policy, changed: Path) -> list[str]:
    changes = diff.compare(desk, compile_mapping(changed))
    return [f"{c.subject.kind} {c.subject.name} {diff.MARKS[c.sign]} {c.text}" for c in changes]


CANCEL = "    grants: [{message: OrderCancelRequest}]"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("description: Buy and sell shares", "description: Shares"),
        ("SecurityType: CommonStock, Side: {in: [Buy, Sell]}", "54: {in: ['2', '1']}, 167: CS"),
        (CANCEL, "    grants: [{message: F, direction: inbound, when: {}}]"),
        ("version: 2", "# the desk's own\nversion: 2"),
    ],
)
def test_text_that_means_the_same(desk: Policy, write: Write, old: str, new: str) -> None:
    assert differences(desk, write((old, new), name="new.yaml")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sensitive: true", "sensitive: false", ["scope order:create:equity - sensitive"]),
        (
            "Side: {in: [Buy, Sell]}",
            "Side: Buy",
            [
                "scope order:create:equity ~ NewOrderSingle inbound: "
                "when Side one of 1, 2 and SecurityType=CS → when Side=1 and SecurityType=CS",
                "role trader ~ NewOrderSingle inbound: "
                "when Side one of 1, 2 and SecurityType=CS → when Side=1 and SecurityType=CS",
            ],
        ),
        ("fix: FIX.5.0SP2", "fix: FIX.5.0SP1", ["dictionary  ~ version: FIX.5.0SP2 → FIX.5.0SP1"]),
        (
            "roles:\n",
            "custom: {tags: {5001: {name: Desk}}, messages: {U1: {name: Report}}}\nroles:\n",
            ["dictionary  + field 5001 `Desk` of type STRING", "dictionary  + message U1 `Report`"],
        ),
        (", roles: [canceller]", "", ["role trader - OrderCancelRequest inbound always"]),
        (
            "roles:\n",
            "roles:\n  viewer: {scopes: ['trade:view:own']}\n",
            ["role viewer + is new", "role viewer + ExecutionReport outbound when Account in claim `accounts`"],
        ),
        (
            "[EVIL, WORSE]",
            "[EVIL, BAD]",
            [
                "list restricted + value `BAD`",
                "list restricted - value `WORSE`",
                "forbid restricted-list ~ NewOrderSingle inbound: when Symbol in list `restricted` "
                "unless order:create:restricted, with other values",
                "scope order:create:restricted ~ NewOrderSingle inbound: "
                "when Symbol in list `restricted` and SecurityType=CS, with other values",
            ],
        ),
        (
            '    unless: ["order:create:restricted"]\n',
            "",
            [
                "forbid restricted-list ~ NewOrderSingle inbound: when Symbol in list `restricted` "
                "unless order:create:restricted → when Symbol in list `restricted`"
            ],
        ),
        ("outbound: open", "outbound: open\n  exempt: [News]", ["session  + exempt News"]),
        (
            "outbound: open",
            "outbound: closed\n  passes: [j]",
            [
                "session  + outbound closed: what no scope grants is withheld",
                "session  + BusinessMessageReject outbound passes: needs no scope",
            ],
        ),
        ("[OrderCancelRequest]\nroles", "[]\nroles", ["session  - risk-reducing OrderCancelRequest"]),
        (
            "SenderCompID: fix_comp_id",
            "SenderCompID: comp",
            ["session  ~ identity SenderCompID: held against claim `fix_comp_id` → held against claim `comp`"],
        ),
        ("roles:\n", "rollout: {messages: {D: shadow}}\nroles:\n", ["rollout  + NewOrderSingle shadow"]),
        ("roles:\n", "rollout: {mode: shadow}\nroles:\n", ["rollout  ~ mode: enforce → shadow"]),
        ("roles:\n", "rollout: {senders: {ALGO: shadow}}\nroles:\n", ["rollout  + sender `ALGO` shadow"]),
        ("roles:\n", "role_claim: groups\nroles:\n", ["session  ~ role claim: `roles` → `groups`"]),
        ("roles:\n", "scope_prefixes: true\nroles:\n", ["session  + a shorter scope covers longer ones"]),
        ("  order:cancel:\n", "  order:cancel:\n    mode: shadow\n", ["scope order:cancel + mode shadow"]),
        (
            CANCEL,
            CANCEL + "\n  order:status: {grants: [{message: H}]}",
            ["scope order:status + is new", "scope order:status + OrderStatusRequest inbound always"],
        ),
    ],
)
def test_changes(desk: Policy, write: Write, old: str, new: str, expected: list[str]) -> None:
    found = differences(desk, write((old, new), name="new.yaml"))
    assert sorted(found) == sorted(expected)


def test_what_one_gains_going_back_is_lost(desk: Policy, write: Write) -> None:
    new = compile_mapping(write((", roles: [canceller]", ""), name="new.yaml"))
    assert [change.sign for change in diff.compare(desk, new)] == ["lost"]
    assert [change.sign for change in diff.compare(new, desk)] == ["gained"]


def test_written(desk: Policy, write: Write) -> None:
    new = compile_mapping(write((", roles: [canceller]", ""), name="new.yaml"))
    changes = diff.compare(desk, new)
    assert list(diff.as_lines(changes)) == ["role `trader`", "  - OrderCancelRequest inbound always"]
    assert list(diff.as_lines(changes, markdown=True)) == [
        "\n### role `trader`\n",
        "- **lost**: OrderCancelRequest inbound always",
    ]
    document = diff.as_document(desk, new, changes)
    assert document["changes"] == [
        {"kind": "role", "name": "trader", "sign": "lost", "text": "OrderCancelRequest inbound always"}
    ]
