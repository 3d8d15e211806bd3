"""`authzsvc check`: exit codes, the JSON, and the words on the screen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from authzsvc.cli.app import main
from authzsvc.fix.direction import Direction
from authzsvc.policy.compiler import compile_mapping

MAPPING = Path(__file__).parents[3] / "mappings" / "institutional.yaml"
POLICY = compile_mapping(MAPPING)


def run(
    monkeypatch: pytest.MonkeyPatch, *options: str, mapping: Path = MAPPING, scopes: str = "order:create:equity"
) -> int:
    monkeypatch.setattr(sys, "argv", ["authzsvc", "check", "--mapping", str(mapping), "--scopes", scopes, *options])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_allowed_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--message", "35=D|55=A|54=1|167=CS", "--json") == 0
    assert document(capsys) == {
        "decision": "allow",
        "scope": "order:create:equity",
        "missing_scopes": [],
        "reason": "granted by `order:create:equity`",
        "vary": list(POLICY.rules[Direction.INBOUND, "D"].vary),
        "policy": POLICY.digest,
    }


def test_a_logon_needs_no_scope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--message", "35=A|49=ALGO|98=0|108=30", "--json", scopes="") == 0
    found = document(capsys)
    assert (found["decision"], found["scope"], found["missing_scopes"], found["vary"]) == ("allow", None, [], [])
    refused = ("--message", "35=A|49=ALGO|98=0|108=30", "--claims", '{"fix_comp_id": "OTHER"}')
    assert run(monkeypatch, *refused, scopes="") == 1


def test_denied_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--message", "35=D|55=A|54=1|167=CS", "--json", scopes="order:cancel order:replace") == 1
    found = document(capsys)
    assert list(found) == ["decision", "scope", "missing_scopes", "reason", "vary", "policy"]
    assert (found["decision"], found["scope"]) == ("deny", None)
    assert found["missing_scopes"] == ["order:create:equity", "order:create:equity:buy"]


def test_allowed_on_the_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--message", "35=D|55=A|54=1|167=CS") == 0
    screen = capsys.readouterr().out
    assert "ALLOW  NewOrderSingle (D) inbound" in screen
    assert "granted by `order:create:equity`" in screen
    assert "SecurityType (167)" in screen


def test_denied_on_the_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--message", "35=D|55=A|54=1|167=FUT") == 1
    screen = capsys.readouterr().out
    assert "DENY  NewOrderSingle (D) inbound" in screen
    assert "needs asset_class=equity, the message has SecurityType=FUT" in screen


@pytest.mark.parametrize(
    "message",
    [
        "35=D|55=A|54=1|167=CS",
        "35=D|55=A|54=1|167=CS|",
        "35=D\x0155=A\x0154=1\x01167=CS\x01",
        "35=D\x0155=A\x0154=1\x01167=CS",
        "167=CS|35=D|55=A|54=1",
        "8=FIX.4.4|9=70|35=D|34=2|49=ALGO|56=VENUE|52=20260101-00:00:00|11=1|55=A|54=1|167=CS|10=000|",
        "35=D\x0158=a|b\x0155=A\x0154=1\x01167=CS\x01",
    ],
)
def test_a_message_may_be_a_fragment_or_whole(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    assert run(monkeypatch, "--message", message) == 0


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("", "no MsgType"),
        ("167=CS", "no MsgType"),
        ("35=D|35=F", "more than one MsgType"),
        ("35=D|0167=CS", "does not begin with a tag"),
        ("35=D|167=", "tag 167 at byte 5 is empty"),
        ("35=D||167=CS", "byte 5"),
        ("hello", "does not begin with a tag"),
        ("35=D|354=9|355=x", "length in tag 354"),
    ],
)
def test_a_message_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], message: str, complaint: str
) -> None:
    assert run(monkeypatch, "--message", message) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert complaint in shown.err


@pytest.mark.parametrize("claims", ["", "[]", "x", "1", "null", '{"a":', "[" * 100_000])
def test_claims_that_are_no_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], claims: str
) -> None:
    assert run(monkeypatch, "--message", "35=D", "--claims", claims) == 2
    assert "`--claims` is no JSON object" in capsys.readouterr().err


def test_a_mapping_with_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("version: 1\nnam: x\n")
    assert run(monkeypatch, "--message", "35=D", mapping=path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert f"{path}:2: `nam` is not a key of the language (did you mean `name`?)" in lines
    assert len(lines) == 5


def test_a_missing_mapping(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(monkeypatch, "--message", "35=D", mapping=tmp_path / "none.yaml") == 2
    assert "cannot be read: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(("account", "code"), [("A1", 0), ("B1", 1)])
def test_outbound_against_a_claim(monkeypatch: pytest.MonkeyPatch, account: str, code: int) -> None:
    options = ("--direction", "outbound", "--claims", '{"accounts": ["A1"]}')
    assert run(monkeypatch, "--message", f"35=8|1={account}", *options, scopes="trade:view:own") == code


@pytest.mark.parametrize(
    ("message", "claims", "code"),
    [
        ("35=D|49=ALGO|55=A|54=1|167=CS", '{"fix_comp_id": "ALGO"}', 0),
        ("35=D|49=OTHER|55=A|54=1|167=CS", '{"fix_comp_id": "ALGO"}', 1),
        ("35=D|49=OTHER|55=A|54=1|167=CS", "{}", 0),
        ("35=D|55=A|54=1|167=CS", '{"fix_comp_id": "ALGO"}', 0),
    ],
)
def test_the_identity_is_held_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, message: str, claims: str, code: int
) -> None:
    assert run(monkeypatch, "--message", message, "--claims", claims) == code


def test_an_unknown_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--message", "35=D", "--direction", "up") == 2


def test_as_a_process() -> None:
    command = [
        sys.executable,
        "-m",
        "authzsvc",
        "check",
        "--mapping",
        str(MAPPING),
        "--scopes",
        "",
        "--message",
        "35=F",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no scope of the token grants `OrderCancelRequest` inbound" in done.stdout
    assert done.stderr == ""


def test_the_time_of_a_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mapping = tmp_path / "m.yaml"
    head = "version: 2\nname: m\nfix: FIX.4.4\nsession: {identity: {}, outbound: open}\n"
    mapping.write_text(f"{head}scopes: {{a:b: {{grants: [{{message: D, when: {{now: {{before: '08:00'}}}}}}]}}}}\n")
    codes = [
        run(monkeypatch, "--message", "35=D", "--now", now, mapping=mapping, scopes="a:b")
        for now in ("20260105-07:59:59", "20260105-08:00:00", "8 o'clock")
    ]
    assert codes == [0, 1, 2]
