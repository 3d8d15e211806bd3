"""Signed mappings that a store has accepted: serials that never go back."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.errors import SignatureError
from authzsvc.sessions.database import connect
from authzsvc.sessions.signed_mappings import SignedMapping, accept, check
from authzsvc.sessions.sqlite import SqliteStore


def mapping(serial: int, digest: str = "d", name: str = "desk", key: str = "k") -> SignedMapping:
    return SignedMapping(key, name, serial, digest, "desk.yaml.sig")


def test_the_first_is_accepted_whatever_its_serial() -> None:
    check(mapping(1), [])


def test_an_older_one_is_refused_and_the_mend_is_told() -> None:
    with pytest.raises(SignatureError, match=r"`desk\.yaml\.sig` has serial 4, and serial 5 .*mapping sign --renew"):
        check(mapping(4, "d4"), [mapping(5, "d5")])


def test_the_same_is_accepted_again_and_another_under_its_serial_is_not() -> None:
    check(mapping(5), [mapping(5)])
    with pytest.raises(SignatureError, match="under which mapping `desk` was accepted with another meaning"):
        check(mapping(5, "other"), [mapping(5)])


def test_an_old_mapping_does_not_come_back_under_a_name_that_it_had() -> None:
    known = [mapping(9, name="desk")]
    with pytest.raises(SignatureError, match="serial 9 of mapping `desk` was accepted before"):
        check(mapping(3, name="old-name"), known)
    check(mapping(10, name="new-name"), known)
    check(mapping(9, name="signed-in-the-same-second"), known)


def test_mappings_under_several_names_each_have_their_own_serial() -> None:
    known = [mapping(5, name="east"), mapping(9, name="west")]
    check(mapping(6, name="east"), known)
    with pytest.raises(SignatureError):
        check(mapping(8, name="west"), known)


OFFERS = st.lists(
    st.builds(
        SignedMapping,
        st.sampled_from(["k1", "k2"]),
        st.sampled_from(["east", "west"]),
        st.integers(1, 6),
        st.sampled_from(["a", "b"]),
    ),
    max_size=30,
)


@given(OFFERS)
def test_what_is_accepted_never_goes_back(offers: list[SignedMapping]) -> None:
    database = connect(None, 1.0)
    accepted: list[SignedMapping] = []
    for offer in offers:
        try:
            accept(database, offer)
        except SignatureError:
            assert any(before.key_id == offer.key_id and before.serial >= offer.serial for before in accepted)
            continue
        same = [before for before in accepted if (before.key_id, before.name) == (offer.key_id, offer.name)]
        assert all(before.serial <= offer.serial for before in same)
        assert all(before.digest == offer.digest for before in same if before.serial == offer.serial)
        accepted.append(offer)
    database.close()


async def test_two_services_of_one_store_agree_whoever_comes_first(tmp_path: Path) -> None:
    stores = [await SqliteStore.open(tmp_path / "store.db") for _ in range(2)]
    offers = [mapping(serial, f"d{serial}-{index}") for serial in range(1, 20) for index in range(2)]

    async def offer(store: SqliteStore, found: SignedMapping) -> SignedMapping | None:
        try:
            await store.accept_mapping(found)
        except SignatureError:
            return None
        return found

    results = await asyncio.gather(*(offer(stores[index % 2], found) for index, found in enumerate(offers)))
    accepted = [found for found in results if found is not None]
    assert len({found.serial for found in accepted}) == len(accepted) > 0
    for store in stores:
        with pytest.raises(SignatureError):
            await store.accept_mapping(mapping(1))
        await store.close()


async def test_it_outlives_a_restart_and_wakes_nobody(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db", poll_s=0.01)
    other = await SqliteStore.open(tmp_path / "store.db", poll_s=0.01)
    await other.load()
    await store.accept_mapping(mapping(5))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(other.changes()), 0.2)
    await store.close()
    await other.close()
    again = await SqliteStore.open(tmp_path / "store.db")
    with pytest.raises(SignatureError):
        await again.accept_mapping(mapping(4))
    await again.close()


async def test_a_store_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connect(path, 1.0).close()
    earlier = sqlite3.connect(path)
    earlier.execute("DROP TABLE signed_mapping")
    earlier.commit()
    earlier.close()
    store = await SqliteStore.open(path)
    await store.accept_mapping(mapping(5))
    with pytest.raises(SignatureError):
        await store.accept_mapping(mapping(4))
    await store.close()
