"""Makes the dictionary's tables from specification XML: `python -m authzsvc.fix.build_tables DIR`.

DIR holds the XML as the `quickfix` package carries it (`spec/` of its source distribution): FIX40.xml … FIX50SP2.xml
and FIXT11.xml. Only facts are kept, in compact JSON, one file a version (`tables/FIX.4.4.json`, …):

    header, trailer   members
    components        name → members
    messages          MsgType → [name, members]
    fields            number → [name, type] or [name, type, {value: name}]

A member is a field's number, a component's name, or a list for a repeating group: its count field, then its members.
FIX.5.x has its session layer, FIXT.1.1, merged in. A field that an older version defines just as the newest one does is
null; `shared` names the table that has it.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "tables"

NEWEST = "FIX.5.0SP2"
SOURCES = {
    "FIX.4.0": "FIX40.xml",
    "FIX.4.1": "FIX41.xml",
    "FIX.4.2": "FIX42.xml",
    "FIX.4.3": "FIX43.xml",
    "FIX.4.4": "FIX44.xml",
    "FIX.5.0": "FIX50.xml",
    "FIX.5.0SP1": "FIX50SP1.xml",
    NEWEST: "FIX50SP2.xml",
}
SESSION_LAYER = "FIXT11.xml"

Table = dict[str, Any]
Member = int | str | list[Any]


def table(specification: ElementTree.Element) -> Table:
    """Boil one XML document down to its facts."""
    numbers = {field.attrib["name"]: int(field.attrib["number"]) for field in specification.iterfind("fields/field")}
    return {
        "header": _members(specification.find("header"), numbers),
        "trailer": _members(specification.find("trailer"), numbers),
        "messages": {
            message.attrib["msgtype"]: [message.attrib["name"], _members(message, numbers)]
            for message in specification.iterfind("messages/message")
        },
        "components": {
            component.attrib["name"]: _members(component, numbers)
            for component in specification.iterfind("components/component")
        },
        "fields": {field.attrib["number"]: _field(field) for field in specification.iterfind("fields/field")},
    }


def merge(application: Table, session: Table) -> Table:
    """Put a session layer under an application layer; the application's own definitions win."""
    return {
        "header": session["header"],
        "trailer": session["trailer"],
        "messages": session["messages"] | application["messages"],
        "components": session["components"] | application["components"],
        "fields": session["fields"] | application["fields"],
    }


def share(older: Table, newest: Table) -> Table:
    """Leave out of an older version the fields that the newest one defines alike: null stands for them."""
    fields = {
        number: None if newest["fields"].get(number) == field else field for number, field in older["fields"].items()
    }
    return older | {"fields": fields, "shared": NEWEST}


def build(directory: Path) -> dict[str, Table]:
    """Make the tables of all versions, by version."""
    session = table(ElementTree.parse(directory / SESSION_LAYER).getroot())
    whole = {}
    for version, file in SOURCES.items():
        own = table(ElementTree.parse(directory / file).getroot())
        whole[version] = merge(own, session) if version.startswith("FIX.5") else own
    return {version: own if version == NEWEST else share(own, whole[NEWEST]) for version, own in whole.items()}


def _members(parent: ElementTree.Element | None, numbers: dict[str, int]) -> list[Member]:
    return [_member(child, numbers) for child in parent] if parent is not None else []


def _member(element: ElementTree.Element, numbers: dict[str, int]) -> Member:
    name = element.attrib["name"]
    if element.tag == "component":
        return name
    return [numbers[name], *_members(element, numbers)] if element.tag == "group" else numbers[name]


def _field(field: ElementTree.Element) -> list[Any]:
    values = {value.attrib["enum"]: value.attrib["description"] for value in field}
    named = [field.attrib["name"], field.attrib["type"]]
    return [*named, values] if values else named


def main(arguments: list[str]) -> int:
    """Write the tables; 2 when the directory is not given."""
    if len(arguments) != 1:
        print("usage: python -m authzsvc.fix.build_tables DIR", file=sys.stderr)
        return 2
    TABLES.mkdir(exist_ok=True)
    for version, content in build(Path(arguments[0])).items():
        path = TABLES / f"{version}.json"
        path.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n", encoding="ascii")
        print(f"{path.name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
