from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from authzsvc.sessions.restrictions import EMPTY, By, Mode, Restriction, Restrictions, Revocation, RevokedBy
from authzsvc.tokens.claims import Identity
from tests.unit.sessions.building import restriction, revocation, who

WORDS = st.sampled_from(["a", "b", "c"])
RESTRICTIONS = st.lists(
    st.builds(restriction, st.text(max_size=4), st.sampled_from(By), WORDS, st.sampled_from(Mode), st.floats(0, 9)),
    max_size=12,
).map(lambda found: [replace(e, value="") if e.by is By.ALL else e for e in {e.id: e for e in found}.values()])
REVOCATIONS = st.lists(
    st.builds(
        revocation,
        st.text(max_size=4).map("v{}".format),
        st.sampled_from(RevokedBy),
        WORDS,
        st.sampled_from(["", "a", "b"]),
        st.integers(0, 9).map(float),
        st.none() | st.integers(0, 9).map(float),
    ),
    max_size=12,
    unique_by=lambda entry: entry.id,
)
IDENTITIES = st.builds(
    who,
    issuer=WORDS,
    subject=WORDS,
    client_id=WORDS,
    token_id=WORDS,
    issued_at=st.none() | st.integers(0, 9).map(float),
)


def slow_on(entries: list[Restriction], comp_id: str, who: Identity, roles: frozenset[str]) -> Restriction | None:
    """From the definitions: all that hit, kills first, the oldest of them."""
    hits = [
        e
        for e in entries
        if e.by is By.ALL
        or (e.by is By.COMP_ID and e.value == comp_id)
        or (e.by is By.CLIENT and e.value == who.client_id)
        or (e.by is By.SUBJECT and e.value == who.subject)
        or (e.by is By.ROLE and e.value in roles)
    ]
    kills = [e for e in hits if e.mode is Mode.KILL]
    return min(kills or hits, key=lambda e: (e.at, e.id), default=None)


def slow_revoked(entries: list[Revocation], who: Identity) -> bool:
    return any(
        e.issuer in ("", who.issuer)
        and (
            e.value == who.token_id
            if e.by is RevokedBy.TOKEN_ID
            else e.value == who.subject and (who.issued_at is None or who.issued_at < e.at)
        )
        for e in entries
    )


@given(RESTRICTIONS, WORDS, IDENTITIES, st.frozensets(WORDS))
def test_the_index_finds_what_going_through_all_finds(
    entries: list[Restriction], comp_id: str, identity: Identity, roles: frozenset[str]
) -> None:
    found = Restrictions(entries).on(comp_id, identity, roles)
    assert found == slow_on(entries, comp_id, identity, roles)
    hit = [e for e in entries if e.selector.selects(comp_id, identity, roles)]
    assert (found is None) == (not hit)


@given(RESTRICTIONS, WORDS)
def test_a_restriction_on_a_firm_is_found_by_the_firm_alone(entries: list[Restriction], firm: str) -> None:
    meant = [entry for entry in entries if (entry.by, entry.value) == (By.ON_BEHALF_OF, firm)]
    found = Restrictions(entries)
    assert found.on_firm(firm) == min(meant, key=lambda e: (e.mode is not Mode.KILL, e.at, e.id), default=None)
    assert found.on_firm(None) is None
    assert set(found.of_firms) == {entry.id for entry in entries if entry.by is By.ON_BEHALF_OF}


@given(REVOCATIONS, IDENTITIES)
def test_the_index_finds_a_revocation_when_there_is_one(entries: list[Revocation], identity: Identity) -> None:
    found = Restrictions((), entries).revocation_of(identity)
    assert (found is not None) == slow_revoked(entries, identity)
    assert found is None or found.hits(identity)


@given(RESTRICTIONS, REVOCATIONS, st.data())
def test_adding_and_lifting_one_by_one_comes_to_the_same(
    restrictions: list[Restriction], revocations: list[Revocation], data: st.DataObject
) -> None:
    grown = EMPTY
    for entry in restrictions:
        grown = grown.with_restriction(entry)
    for revoked in revocations:
        grown = grown.with_revocation(revoked)
    assert grown == Restrictions(restrictions, revocations)
    ids = [*(entry.id for entry in restrictions), *(entry.id for entry in revocations)]
    gone = frozenset(data.draw(st.lists(st.sampled_from(ids)))) if ids else frozenset()
    left = grown.without(gone)
    assert set(left.restrictions) | set(left.revocations) == set(ids) - gone
    assert EMPTY.on("a", who(), frozenset()) is None


def test_a_fresh_token_of_a_revoked_subject_works_again() -> None:
    revoked = EMPTY.with_revocation(revocation("v", RevokedBy.SUBJECT, "svc", at=1000.5))
    assert revoked.revocation_of(who(issued_at=1000.0)) is not None
    assert revoked.revocation_of(who(issued_at=None)) is not None
    assert revoked.revocation_of(who(issued_at=1001.0)) is None


def test_a_token_without_an_id_is_not_hit_by_an_id() -> None:
    assert EMPTY.with_revocation(revocation()).revocation_of(who(token_id="")) is None


def test_what_has_outlived_its_tokens() -> None:
    both = Restrictions((), [revocation("old", until=10.0), revocation("for good")])
    assert both.outlived(9.9) == frozenset()
    assert both.outlived(10.0) == {"old"}
