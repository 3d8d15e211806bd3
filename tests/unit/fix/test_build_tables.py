"""The maker of the tables, on a specification of a few lines."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from authzsvc.fix import build_tables

OLD = """
<fix type='FIX' major='4' minor='4'>
 <header><field name='MsgType' required='Y'/></header>
 <messages>
  <message name='Order' msgtype='D' msgcat='app'>
   <field name='Side' required='Y'/>
   <component name='Parties' required='N'/>
  </message>
 </messages>
 <trailer><field name='CheckSum' required='Y'/></trailer>
 <components>
  <component name='Parties'>
   <group name='NoPartyIDs' required='N'><field name='PartyID' required='N'/></group>
  </component>
 </components>
 <fields>
  <field number='10' name='CheckSum' type='STRING'/>
  <field number='35' name='MsgType' type='STRING'/>
  <field number='54' name='Side' type='CHAR'><value enum='1' description='BUY'/></field>
  <field number='448' name='PartyID' type='STRING'/>
  <field number='453' name='NoPartyIDs' type='NUMINGROUP'/>
 </fields>
</fix>
"""


@pytest.fixture
def old() -> build_tables.Table:
    return build_tables.table(ElementTree.fromstring(OLD))


def test_a_table_holds_the_facts(old: build_tables.Table) -> None:
    assert old["header"] == [35]
    assert old["trailer"] == [10]
    assert old["messages"] == {"D": ["Order", [54, "Parties"]]}
    assert old["components"] == {"Parties": [[453, 448]]}
    assert old["fields"]["54"] == ["Side", "CHAR", {"1": "BUY"}]
    assert old["fields"]["448"] == ["PartyID", "STRING"]


def test_the_session_layer_goes_under_the_application(old: build_tables.Table) -> None:
    session = {
        "header": [8, 35],
        "trailer": [10],
        "messages": {"0": ["Heartbeat", []]},
        "components": {},
        "fields": {"8": ["BeginString", "STRING"], "54": ["Side", "INT"]},
    }
    merged = build_tables.merge(old, session)
    assert merged["header"] == [8, 35]
    assert merged["messages"].keys() == {"0", "D"}
    assert merged["fields"]["54"] == ["Side", "CHAR", {"1": "BUY"}]
    assert merged["fields"]["8"] == ["BeginString", "STRING"]


def test_what_the_newest_version_defines_alike_is_left_to_it(old: build_tables.Table) -> None:
    newest = {"fields": {"54": ["Side", "CHAR", {"1": "BUY"}], "448": ["PartyID", "INT"]}}
    shared = build_tables.share(old, newest)
    assert shared["shared"] == build_tables.NEWEST
    assert shared["fields"]["54"] is None
    assert shared["fields"]["448"] == ["PartyID", "STRING"]


def test_without_a_directory_it_says_how_to_call_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_tables.main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_tables_are_small() -> None:
    assert sum(path.stat().st_size for path in build_tables.TABLES.glob("*.json")) < 1_000_000
