"""The admin service's messages to and from the types of `sessions`.

What is asked is parsed once, here, into types that cannot be wrong: a request that could be read two ways is an
`AdminError`. What is shown is bounded.
"""

from __future__ import annotations

from authzsvc._gen.fixauthz.v1 import admin_pb2 as pb
from authzsvc.errors import AdminError
from authzsvc.sessions.control import Done, Listed
from authzsvc.sessions.restrictions import By, Mode, Restriction, Revocation, RevokedBy, Selector

MAX_TEXT = 256
MAX_ROLES = 32
MAX_IDS = 1000
MAX_KEEP_S = 10 * 366 * 86_400.0

_MODES: dict[int, Mode] = {pb.kill: Mode.KILL, pb.cancel_only: Mode.CANCEL_ONLY}
_MODE_NUMBERS = {Mode.KILL: pb.kill, Mode.CANCEL_ONLY: pb.cancel_only}
_FIELDS = {
    By.COMP_ID: "comp_id",
    By.CLIENT: "client",
    By.SUBJECT: "subject",
    By.ROLE: "role",
    By.ON_BEHALF_OF: "on_behalf_of",
}
_BY = {name: by for by, name in _FIELDS.items()}


def selector(message: pb.Selector) -> Selector:
    """Raises `AdminError` when it says nothing, or `all` is false."""
    name = message.WhichOneof("by")
    if name == "all" and message.all:
        return Selector(By.ALL)
    if name is None or name == "all":
        raise AdminError("nothing is selected (give a CompID, a client, a subject, a role, a firm, or all)")
    return Selector(_BY[name], getattr(message, name))


def mode(number: int) -> Mode:
    """Raises `AdminError`: what a kill does must be said."""
    found = _MODES.get(number)
    if found is None:
        raise AdminError("the mode is missing or not known (kill or cancel_only)")
    return found


def revoked_by(message: pb.RevokeRequest) -> tuple[RevokedBy, str]:
    """Raises `AdminError` when it says nothing."""
    match message.WhichOneof("by"):
        case "token_id":
            return RevokedBy.TOKEN_ID, message.token_id
        case "subject":
            return RevokedBy.SUBJECT, message.subject
    raise AdminError("nothing is selected (give the token's id or a subject)")


def keep_s(message: pb.RevokeRequest) -> float:
    """Raises `AdminError` unless it is a time to come, or 0."""
    if not 0 <= message.keep_s <= MAX_KEEP_S:
        raise AdminError("`keep_s` is not a number of seconds from 0 to ten years")
    return float(message.keep_s)


def restored(message: pb.RestoreRequest) -> tuple[frozenset[str], Selector | None]:
    """Ids, or a selector, or neither for everything. Raises `AdminError` unless exactly one of the three is asked."""
    asked = (bool(message.ids), message.HasField("selector"), message.everything)
    if sum(asked) != 1:
        raise AdminError("say what to restore by ids, by a selector, or as everything, and only by one of these")
    if len(message.ids) > MAX_IDS:
        raise AdminError(f"more than {MAX_IDS} ids at once (give fewer)")
    return frozenset(message.ids), selector(message.selector) if message.HasField("selector") else None


def done(result: Done) -> pb.Done:
    """What came of it."""
    return pb.Done(ids=result.ids, hit=result.hit)


def live_session(listed: Listed) -> pb.LiveSession:
    """A session, without anything that a credential could be told from."""
    facts = listed.facts
    key, identity = facts.key, facts.identity
    return pb.LiveSession(
        id=_cut(facts.id),
        begin_string=_cut(key.begin_string),
        sender_comp_id=_cut(key.sender),
        sender_sub_id=_cut(key.sender_sub),
        sender_location_id=_cut(key.sender_location),
        target_comp_id=_cut(key.target),
        target_sub_id=_cut(key.target_sub),
        target_location_id=_cut(key.target_location),
        tenant=_cut(key.tenant),
        issuer=_cut(identity.issuer),
        client_id=_cut(identity.client_id),
        subject=_cut(identity.subject),
        roles=[_cut(role) for role in sorted(facts.roles)[:MAX_ROLES]],
        address=_cut(facts.address),
        principal=_cut(facts.principal),
        logged_on_at=facts.logged_on_at,
        expires_at=identity.expires_at,
        restriction=None if listed.restriction is None else restriction(listed.restriction),
        revocation=None if listed.revocation is None else revocation(listed.revocation),
    )


def restriction(entry: Restriction) -> pb.Restriction:
    """A restriction in force."""
    about = pb.Selector(all=True)
    if entry.by is not By.ALL:
        about = pb.Selector()
        setattr(about, _FIELDS[entry.by], entry.value)
    return pb.Restriction(
        id=entry.id,
        selector=about,
        mode=_MODE_NUMBERS[entry.mode],
        reason=entry.reason,
        operator=entry.operator,
        at=entry.at,
    )


def revocation(entry: Revocation) -> pb.Revocation:
    """A revocation in force."""
    shown = pb.Revocation(
        id=entry.id,
        issuer=entry.issuer,
        reason=entry.reason,
        operator=entry.operator,
        at=entry.at,
        until=entry.until or 0.0,
    )
    setattr(shown, "token_id" if entry.by is RevokedBy.TOKEN_ID else "subject", entry.value)
    return shown


def _cut(text: str) -> str:
    """Bounded, and what protobuf takes: characters that UTF-8 has none for are shown escaped."""
    short = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return short.encode("utf-8", "backslashreplace").decode()
