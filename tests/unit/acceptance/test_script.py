"""Scenarios: the steps that a script writes, and the brief of what comes back."""

from __future__ import annotations

from tests.engines.acceptance.definition import Act
from tests.engines.acceptance.script import Scenario, Script, brief
from tests.engines.acceptance.transcript import HUNG_UP, Transcript
from tests.engines.versions import FIX44, FIX50, VERSIONS


def sent(script: Script) -> list[bytes]:
    return [step.message.replace(b"\x01", b"|") for step in script.steps if step.act is Act.SEND]


def test_messages_are_numbered_unless_they_say_their_number() -> None:
    script = Script(FIX44)
    script.log_on()
    script.say("0", seq="9")
    script.say("0")
    numbers = [message.split(b"|")[2] for message in sent(script)]
    assert numbers == [b"34=1", b"34=9", b"34=2"]


def test_a_field_of_the_header_is_left_out() -> None:
    script = Script(FIX44)
    script.say("0", without=56, header="50=x|")
    assert sent(script) == [b"8=FIX.4.4|35=0|34=1|49=TW|52=<TIME>|50=x|"]


def test_a_logon_of_fixt_names_its_application() -> None:
    script = Script(FIX50)
    script.log_on()
    assert sent(script)[0].endswith(b"98=0|108=30|1137=7|")


def test_reasons_are_those_that_the_version_has() -> None:
    scenario = Scenario("x", Script.log_on, "A 3:4 3:13 5 . / .")
    briefs = [scenario.expected(version) for version in VERSIONS[1:4]]
    assert briefs == ["A 3 3 5 . / .", "A 3:4 3 5 . / .", "A 3:4 3:13 5 . / ."]


def test_a_scenario_covers_its_versions() -> None:
    scenario = Scenario("x", Script.log_on, "A", since=42, until=44)
    assert [version.level for version in VERSIONS if scenario.covers(version)] == [42, 43, 44]
    assert scenario.definition(FIX50).name == "fix50/x"


def test_the_brief_of_a_transcript() -> None:
    reject = b"8=FIX.4.4\x0135=3\x01373=4\x01"
    logon = b"8=FIX.4.4\x0135=A\x01"
    assert brief(Transcript([[logon, reject, HUNG_UP], [HUNG_UP]])) == "A 3:4 . / ."
