"""Tables of permissions: headers and cells as they are found, every fault at once, and what comes of a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from authzsvc.errors import MappingFaults, ToolError
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Question
from authzsvc.workflow.imports import finish, table
from authzsvc.workflow.imports.draft import Draft
from authzsvc.workflow.imports.finish import Result

TABLE = """\
role,message,conditions,allow
trader,NewOrderSingle,SecurityType=CS; OrderQty<=1000,yes
trader,OrderCancelRequest,,yes
viewer,ExecutionReport,Account=claim:accounts,yes
viewer,NewOrderSingle,,no
*,NewOrderSingle,Symbol=EVIL,no
"""


def made(tmp_path: Path, text: str | bytes, fix: str = "FIX.4.4") -> tuple[Draft, Result]:
    path = tmp_path / "keys.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    draft = table.draft(table.read(path, fix), "desk", fix, "Made.")
    return draft, finish.finish(draft, tmp_path / "desk.yaml", force=True)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(MappingFaults) as error:
        made(tmp_path, text)
    return [str(fault).replace(str(tmp_path), "") for fault in error.value.faults]


def test_scopes_roles_and_forbids(tmp_path: Path) -> None:
    draft, result = made(tmp_path, TABLE)
    assert result.clean
    assert result.coverage == 100
    assert {role.name: role.scopes for role in draft.roles} == {
        "trader": ("order:cancel", "order:create:equity"),
        "viewer": ("trade:view",),
    }
    assert [forbid.name for forbid in draft.forbids] == ["no-newordersingle"]


@pytest.mark.parametrize(
    ("tag_value", "allowed"), [((38, b"1000"), True), ((38, b"1001"), False), ((55, b"EVIL"), False)]
)
def test_what_a_role_may_do(tmp_path: Path, tag_value: tuple[int, bytes], allowed: bool) -> None:
    made(tmp_path, TABLE)
    policy = compile_mapping(tmp_path / "desk.yaml")
    pairs = tuple({55: b"ACME", 167: b"CS", 38: b"1", **dict([tag_value])}.items())
    question = Question(Direction.INBOUND, "D", Fields(pairs), frozenset({"role:trader"}), {})
    assert policy.decide(question).allowed is allowed


@pytest.mark.parametrize(
    "text",
    [
        "Client;Msg Type;When;Allowed\na;D;Symbol=X;x\n",
        "\ufeffUSER\tmsg_type\tRestrictions\tAccess\na\t35\t\tno\n\na\tD\tSymbol=X\tTRUE\n".replace(
            "\t35\t\tno", "\tF\t\tno"
        ),
        "# keys of May\ngroup|request|Symbol\na|NewOrderSingle|X\n",
        "key , message , 55 , comment\na , new order single , X , fine\n",
        'role,message,conditions\na,D,"Symbol=X"\n',
    ],
)
def test_a_table_as_it_is_found(tmp_path: Path, text: str) -> None:
    draft, result = made(tmp_path, text)
    assert result.clean
    assert [(role.name, role.scopes) for role in draft.roles] == [("a", ("order:create",))]
    (grant,) = draft.scopes[0].grants
    assert [limit.tag for limit in grant.limits] == [55]


def test_an_old_code_page(tmp_path: Path) -> None:
    draft, _ = made(tmp_path, "role,message\nHändler 1,D\n".encode("cp1252"))
    assert [role.name for role in draft.roles] == ["Händler 1"]


def test_several_roles_and_messages_in_a_row(tmp_path: Path) -> None:
    draft, _ = made(tmp_path, 'role,message\n"a, b",D/G\n')
    assert [(role.name, role.scopes) for role in draft.roles] == [
        ("a", ("order:create", "order:replace")),
        ("b", ("order:create", "order:replace")),
    ]


def test_names_of_scopes_may_be_given(tmp_path: Path) -> None:
    draft, _ = made(tmp_path, "role,message,scope\na,D,fix:trade\na,F,fix:trade\nb,F,\n")
    assert {scope.name: len(scope.grants) for scope in draft.scopes} == {"fix:trade": 2, "order:cancel": 1}


def test_directions(tmp_path: Path) -> None:
    draft, _ = made(tmp_path, "role,message,direction\na,Quote,out\na,Quote,\na,8,\n")
    assert [(one.msg_type, str(one.direction)) for scope in draft.scopes for one in scope.grants] == [
        ("S", "inbound"),
        ("S", "outbound"),
        ("8", "outbound"),
    ]


def test_every_fault_at_once(tmp_path: Path) -> None:
    rows = ("role,message,conditions,allow,direction", "a,NewOrdrSingle,,yes,", "a,D,Symbl=X,perhaps,")
    assert faults(tmp_path, "\n".join((*rows, ",D,,yes,sideways", "a,A,,yes,"))) == [
        "/keys.csv:2: `message` FIX.4.4 has no message `NewOrdrSingle` (did you mean `NewOrderSingle`?)",
        "/keys.csv:3: `allow` `perhaps` is neither yes nor no (write `yes` or `no`)",
        "/keys.csv:3: `conditions` FIX.4.4 has no field `Symbl` (did you mean `Symbol`?)",
        "/keys.csv:4: `role` is empty (every row names a role)",
        "/keys.csv:4: `direction` `sideways` is no direction (write `inbound` or `outbound`)",
        "/keys.csv:5: `message` `A` is of the session level, which needs no scope (leave the row out)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the table is empty"),
        ("role,mesage\na,D\n", "`mesage` is neither a known header"),
        ("role,client,message\na,a,D\n", "`client` is a second column of `role`"),
        ("role,message,allow\na,D,no\n", "the table allows nothing"),
        ("role,message,conditions,allow\na,D,,yes\na,D,Symbol=X,no\n", "denies a part of what line 2 allows to `a`"),
        ("role,message\na\x07b,D\n", "cannot name a role"),
        ("role,message,scope\na,D,role:x\n", "cannot name a scope"),
        ("role,message\n*,D\n", "`*` may only be denied something"),
    ],
)
def test_what_makes_no_mapping(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(faults(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be read"):
        table.read(tmp_path / "none.csv", "FIX.4.4")


def test_a_forbid_that_denies_all_of_a_grant(tmp_path: Path) -> None:
    _, result = made(tmp_path, "role,message,allow\na,G,yes\n*,G,no\n")
    assert result.clean
    assert any("denies all of it" in finding.fault.text for finding in result.findings)


CONDITIONS = st.lists(
    st.sampled_from(
        ("Symbol=A|B", "Side!=SellShort", "OrderQty=1..50", "Price<=9.5", "Account=claim:accounts", "ExecInst absent",
         "OnBehalfOfCompID=F", "OrdType=Limit|Market", "TimeInForce present", "SecurityType=FUT", "5001=x",
         "NoPartyIDs>=1", "ExecInst=1")
    ),
    max_size=4, unique_by=lambda text: text[:6],
)  # fmt: skip
ROWS = st.lists(
    st.tuples(
        st.sampled_from(("a", "b c", "*")), st.sampled_from(("D", "G", "8")), CONDITIONS, st.sampled_from(("yes", "no"))
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=30,
    deadline=None,
    phases=tuple(Phase)[:3],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ROWS)
def test_a_table_is_refused_or_its_mapping_is_clean(
    tmp_path: Path, rows: list[tuple[str, str, list[str], str]]
) -> None:
    lines = [f"{role},{message},{'; '.join(conditions)},{allow}" for role, message, conditions, allow in rows]
    path = tmp_path / "keys.csv"
    path.write_text("\n".join(("role,message,conditions,allow", *lines)))
    try:
        read = table.read(path, "FIX.4.4")
    except MappingFaults:
        return
    assert finish.finish(table.draft(read, "desk", "FIX.4.4", "Made."), tmp_path / "desk.yaml", force=True).clean
