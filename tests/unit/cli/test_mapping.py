"""`authzsvc mapping …`: exit codes, formats, files."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from authzsvc.cli.app import main
from authzsvc.policy.warnings import Kind
from tests.unit.workflow.desk import DESK, SUITE, write_text

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a sub-command in a directory with the desk's files: exit code, output, complaints."""
    monkeypatch.chdir(tmp_path)
    write_text(Path("desk.yaml"), DESK)
    write_text(Path("desk.test.yaml"), SUITE)

    def running(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["authzsvc", "mapping", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        shown = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, shown.out, shown.err

    return running


def change(*changes: tuple[str, str], name: str = "desk.yaml") -> None:
    write_text(Path(name), DESK if name != "desk.test.yaml" else SUITE, changes)


IDLE_LIST = ("lists:\n", "lists:\n  idle: {values: [A]}\n")


def test_lint_clean(run: Run) -> None:
    assert run("lint", "desk.yaml") == (0, "0 faults, 0 warnings\n", "")


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_lint_warnings(run: Run, options: tuple[str, ...], code: int) -> None:
    change(IDLE_LIST)
    found, out, _ = run("lint", "desk.yaml", *options)
    assert found == code
    assert "warning desk.yaml:5: `lists.idle` is used by no condition (" in out
    assert out.endswith("0 faults, 1 warning\n")


@pytest.mark.parametrize(
    ("allow", "code"), [((), 1), (("shadow",), 1), (("opens_risk",), 1), (("shadow", "opens_risk"), 0)]
)
def test_lint_allows_what_is_meant(run: Run, allow: tuple[str, ...], code: int) -> None:
    change(("[OrderCancelRequest]", "[OrderCancelRequest, D]"), ("roles:\n", "rollout: {mode: shadow}\nroles:\n"))
    found, out, _ = run("lint", "desk.yaml", "--strict", *(word for kind in allow for word in ("--allow", kind)))
    assert found == code
    assert "puts everything in shadow: " in out
    assert "(opens_risk)\n" in out
    assert out.endswith("0 faults, 2 warnings\n")


def test_lint_allows_no_fault_and_no_other_mistake(run: Run) -> None:
    every = [word for kind in Kind for word in ("--allow", kind)]
    change(IDLE_LIST)
    assert run("lint", "desk.yaml", "--strict", *every)[0] == 1
    change(("fix: FIX.5.0SP2", "fix: FIX.9"))
    assert run("lint", "desk.yaml", "--strict", *every)[0] == 2


def test_lint_faults_of_several_files(run: Run) -> None:
    change(("fix: FIX.5.0SP2", "fix: FIX.9"))
    change(("CommonStock, Side", "CommonStok, Side"), name="other.yaml")
    code, out, err = run("lint", "desk.yaml", "other.yaml")
    assert (code, err) == (2, "")
    assert "fault desk.yaml:3: `fix` there is no dictionary for `FIX.9`" in out
    assert "fault other.yaml:19:" in out
    assert out.endswith("2 faults, 0 warnings\n")


def test_lint_as_json(run: Run) -> None:
    change(IDLE_LIST)
    code, out, _ = run("lint", ".", "--format", "json", "--strict")
    assert code == 1
    (finding,) = json.loads(out)
    assert (finding["severity"], finding["file"], finding["line"], finding["key"]) == (
        "warning",
        "desk.yaml",
        5,
        "lists.idle",
    )


def test_lint_of_nothing(run: Run) -> None:
    Path("empty").mkdir()
    code, out, err = run("lint", "empty")
    assert (code, out) == (2, "")
    assert "`empty` holds no mapping" in err


@pytest.mark.parametrize("path", ["desk.yaml", "desk.test.yaml", "."])
def test_tests_pass(run: Run, path: str) -> None:
    code, out, _ = run("test", path, "--coverage-threshold", "100")
    assert code == 0
    assert "desk.yaml: 11 of 11 tests passed" in out
    assert "coverage 100.0 % (24 of 24)" in out


def test_a_test_fails(run: Run) -> None:
    change(("rule: restricted-list", "rule: other"), name="desk.test.yaml")
    code, out, _ = run("test", ".")
    assert code == 1
    assert "FAIL  a trader keeps off the restricted list (desk.test.yaml:18)" in out
    assert "message   35=D|55=EVIL|167=CS|54=1" in out
    assert "expected  forbid `other`, got `restricted-list`" in out
    assert "10 of 11 tests passed" in out


def test_coverage_that_does_not_suffice(run: Run) -> None:
    change(("54=5", "54=1"), ("a trader sells nothing short\n    roles: [trader]", "x"), name="desk.test.yaml")
    code, out, _ = run("test", ".", "--coverage-threshold", "96", "--show-uncovered")
    assert code == 1
    assert "coverage 95.8 % (23 of 24), under the 96 % asked for" in out
    assert (
        "never seen to deny: grant `order:create:equity` NewOrderSingle inbound: Side one of 1, 2 (desk.yaml:18)" in out
    )
    assert run("test", ".", "--coverage-threshold", "95")[0] == 0


def test_junit(run: Run) -> None:
    code, _, _ = run("test", ".", "--junit", "out.xml")
    root = ET.fromstring(Path("out.xml").read_bytes())
    assert (code, root.get("tests"), root.get("failures")) == (0, "11", "0")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("test", "nowhere.yaml"), "`nowhere.yaml` has no tests"),
        (("test", ".", "--junit", "nowhere/out.xml"), "`nowhere/out.xml` cannot be written: no such file"),
        (("test", ".", "--coverage-threshold", "101"), "--coverage-threshold"),
        (("matrix", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("matrix", "desk.yaml", "--output", "nowhere/out"), "`nowhere/out` cannot be written"),
        (("explain", "desk.yaml", "--scopes", "", "--message", "hello"), "does not begin with a tag"),
        (("explain", "desk.yaml", "--scopes", "", "--message", "35=D", "--claims", "[]"), "no JSON object"),
        (("diff", "desk.yaml", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("diff", "desk.yaml", "git:HEAD"), "names no commit and path"),
    ],
)
def test_bad_input(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err


def test_matrix_on_the_screen(run: Run) -> None:
    code, out, _ = run("matrix", "desk.yaml")
    assert code == 0
    assert out.startswith("desk: scopes and messages\n")
    assert "Symbol in list `restricted`" in out


def test_matrix_by_role_as_csv(run: Run) -> None:
    code, out, _ = run("matrix", "desk.yaml", "--by", "role", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert rows[0] == {
        "Role": "canceller",
        "Scope": "order:cancel",
        "Message": "OrderCancelRequest",
        "Type": "F",
        "Direction": "inbound",
        "When": "",
    }


@pytest.mark.parametrize(("form", "start"), [("html", "<!doctype html>"), ("markdown", "# desk"), ("table", "desk:")])
def test_matrix_into_a_file(run: Run, form: str, start: str) -> None:
    code, out, _ = run("matrix", "desk.yaml", "--format", form, "--output", "out")
    assert (code, out) == (0, "")
    assert Path("out").read_text().startswith(start)


@pytest.mark.parametrize(("scopes", "code"), [("role:trader", 0), ("order:cancel", 1)])
def test_explain(run: Run, scopes: str, code: int) -> None:
    found, out, _ = run("explain", "desk.yaml", "--scopes", scopes, "--message", "35=D|55=A|167=CS|54=1")
    assert found == code
    assert "grant    order:create:equity" in out
    assert ("would allow it: the scope `order:create:equity`" in out) is bool(code)


def test_explain_a_logon(run: Run) -> None:
    found, out, _ = run("explain", "desk.yaml", "--scopes", "", "--message", "35=A|98=0|108=30")
    assert found == 0
    assert out.startswith("ALLOW  Logon (A) inbound\n")
    assert "would allow" not in out


def test_explain_what_a_cached_decision_rests_on(run: Run) -> None:
    message = ("--scopes", "order:cancel", "--message", "35=D|55=A")
    _, out, _ = run("explain", "desk.yaml", *message, "--cache")
    assert "cache    a decision stands for each NewOrderSingle inbound with equal values in 3 tags" in out
    _, out, _ = run("explain", "desk.yaml", *message, "--cache", "--json")
    document = json.loads(out)
    assert [one["tag"] for one in document["cache"]["tags"]] == document["vary"]


def test_explain_as_json(run: Run) -> None:
    message = ("--scopes", "role:trader", "--message", "35=D|55=EVIL|167=CS|54=1")
    code, out, _ = run("explain", "desk.yaml", *message, "--json")
    document = json.loads(out)
    assert (code, document["forbid"], document["missing_scopes"]) == (1, "restricted-list", ["order:create:restricted"])


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        ((), "35=F|11=1", 0),
        ((), "35=F|49=OTHER", 1),
        (("--comp-id", "OTHER"), "35=F|11=1", 1),
        (("--comp-id", "ALGO"), "35=F|49=OTHER", 0),
    ],
)
def test_explain_holds_the_client_to_its_claim(run: Run, options: tuple[str, ...], message: str, code: int) -> None:
    claims = ("--claims", '{"fix_comp_id": "ALGO"}')
    found, _, _ = run("explain", "desk.yaml", "--scopes", "order:cancel", "--message", message, *claims, *options)
    assert found == code


def test_explain_by_sender_in_shadow(run: Run) -> None:
    change(("roles:\n", "rollout: {senders: {ALGO: shadow}}\nroles:\n"))
    question = ("explain", "desk.yaml", "--scopes", "order:cancel", "--message", "35=D|55=A")
    assert run(*question)[0] == 1
    code, out, _ = run(*question, "--comp-id", "ALGO")
    assert code == 0
    assert out.startswith("ALLOW (shadow)  NewOrderSingle (D) inbound\n")


def test_diff_without_a_change(run: Run) -> None:
    change(("Buy and sell shares", "Shares"), name="new.yaml")
    code, out, _ = run("diff", "desk.yaml", "new.yaml")
    assert code == 0
    assert out.startswith("desk: no change in meaning (")


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("text", "  - OrderCancelRequest inbound always\n"),
        ("markdown", "- **lost**: OrderCancelRequest inbound always\n"),
        ("json", '"sign": "lost", "text": "OrderCancelRequest inbound always"'),
    ],
)
def test_diff(run: Run, form: str, line: str) -> None:
    change((", roles: [canceller]", ""), name="new.yaml")
    code, out, _ = run("diff", "desk.yaml", "new.yaml", "--format", form)
    assert code == 1
    assert line in out


def test_diff_tells_the_faults_of_both(run: Run) -> None:
    change(("FIX.5.0SP2", "FIX.8"))
    change(("FIX.5.0SP2", "FIX.9"), name="new.yaml")
    code, out, err = run("diff", "desk.yaml", "new.yaml")
    assert (code, out) == (2, "")
    assert [line.split(":")[0] for line in err.splitlines()] == ["desk.yaml", "new.yaml"]


def test_as_a_process(run: Run) -> None:
    command = [sys.executable, "-m", "authzsvc", "mapping", "test", "desk.yaml"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "dumb"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "11 of 11 tests passed" in done.stdout


def test_migrate(run: Run) -> None:
    change(("version: 2", "version: 1 # of the language"), ("  outbound: open\n", ""))
    code, out, _ = run("migrate", "--check", "desk.yaml")
    assert (code, out.count("\n"), Path("desk.yaml").read_text().count("wildcards_lift")) == (1, 3, 0)
    before = run("matrix", "desk.yaml")[1]
    assert run("migrate", "desk.yaml")[:2] == (0, out)
    text = Path("desk.yaml").read_text()
    assert "version: 2 # of the language\n" in text
    assert "    wildcards_lift: true\n    unless:" in text
    assert "session:\n  outbound: open\n  identity:" in text
    assert run("matrix", "desk.yaml")[1] == before
    assert run("migrate", "--check", "desk.yaml") == (0, "desk.yaml: is of version 2 already\n", "")
    assert not list(Path().glob(".*"))
