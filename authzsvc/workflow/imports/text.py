"""Writes a draft: the mapping, with what was guessed in comments, and the sessions of recorded clients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.workflow.imports.draft import Draft, DraftForbid, DraftGrant, DraftRole, DraftScope
from authzsvc.workflow.imports.limits import Absent, Limit
from authzsvc.workflow.imports.scalars import comment, flow_list, scalar

_WIDE = 110
"""Characters of a line that a list on one line may take."""


def mapping(draft: Draft) -> str:
    """Returns the mapping as YAML."""
    dictionary = draft.dictionary
    return "\n".join(
        (
            *_comments("", (draft.made, "It is a start: read what was guessed, in the comments, before it is used.")),
            *_comments("", draft.notes),
            "version: 2",
            f"name: {scalar(draft.name)}",
            f"fix: {scalar(draft.fix)}",
            *_custom(draft),
            "",
            "session:",
            f"  identity: {{{', '.join(f'{scalar(key)}: {scalar(claim)}' for key, claim in draft.identity.items())}}}",
            f"  outbound: {draft.outbound}",
            *_passes(draft, dictionary),
            *(["", f"role_claim: {scalar(draft.role_claim)}"] if draft.role_claim else []),
            *(["", "roles:"] if draft.roles else []),
            *(line for role in draft.roles for line in _role(role)),
            "",
            "scopes:",
            *(line for scope in draft.scopes for line in _scope(scope, dictionary)),
            *(["", "forbid:"] if draft.forbids else []),
            *(line for forbid in draft.forbids for line in _forbid(forbid, dictionary)),
            "",
        )
    )


def sessions(draft: Draft) -> str:
    """Returns what each recorded client's token is to hold, as `mapping replay --comp-id-map` reads it."""
    lines = ["# What each client's token is to hold, for `authzsvc mapping replay --comp-id-map`."]
    for comp_id, session in draft.sessions.items():
        roles = flow_list(map(scalar, session.roles))
        lines.append(f"{scalar(comp_id)}: {{roles: {roles}, claims: {value(session.claims)}}}")
    return "\n".join((*lines, ""))


def value(data: object) -> str:
    """Returns plain data on one line: texts, lists and mappings."""
    if isinstance(data, dict):
        return f"{{{', '.join(f'{scalar(str(key))}: {value(inner)}' for key, inner in data.items())}}}"
    if isinstance(data, list | tuple):
        return flow_list(map(value, data))
    return scalar(str(data))


def message_name(dictionary: Dictionary, msg_type: str) -> str:
    """Returns a message's name as a mapping writes it."""
    return scalar(dictionary.message_name(msg_type))


def _custom(draft: Draft) -> Iterator[str]:
    if draft.custom_messages:
        yield "custom:"
        yield "  messages:"
        yield from (
            f"    {scalar(msg_type)}: {{name: {message_name(draft.dictionary, msg_type)}}}"
            for msg_type in draft.custom_messages
        )


def _passes(draft: Draft, dictionary: Dictionary) -> Iterator[str]:
    if draft.passes:
        yield from _list("  passes:", (message_name(dictionary, msg_type) for msg_type in draft.passes))


def _role(role: DraftRole) -> Iterator[str]:
    yield from _comments("  ", role.comments)
    yield f"  {scalar(role.name)}:"
    if role.description:
        yield f"    description: {scalar(role.description)}"
    for key, names in (("scopes", role.scopes), ("roles", role.roles)):
        if names:
            yield from _list(f"    {key}:", map(scalar, names))


def _scope(scope: DraftScope, dictionary: Dictionary) -> Iterator[str]:
    yield from _comments("  ", scope.comments)
    yield f"  {scalar(scope.name)}:"
    if scope.description:
        yield f"    description: {scalar(scope.description)}"
    yield "    grants:"
    for grant in scope.grants:
        yield from _grant(grant, dictionary)


def _grant(grant: DraftGrant, dictionary: Dictionary) -> Iterator[str]:
    yield from _comments("      ", grant.comments)
    yield f"      - message: {message_name(dictionary, grant.msg_type)}"
    if grant.direction is Direction.OUTBOUND:
        yield "        direction: outbound"
    yield from _when("        ", grant.limits, dictionary)


def _forbid(forbid: DraftForbid, dictionary: Dictionary) -> Iterator[str]:
    yield from _comments("  ", forbid.comments)
    yield f"  - name: {scalar(forbid.name)}"
    yield f"    message: {message_name(dictionary, forbid.msg_type)}"
    if forbid.direction is Direction.OUTBOUND:
        yield "    direction: outbound"
    yield from _when("    ", forbid.limits, dictionary)


def _when(indent: str, limits: Iterable[Limit], dictionary: Dictionary) -> Iterator[str]:
    limits = list(limits)
    absent = [limit for limit in limits if isinstance(limit.test, Absent)]
    if limits:
        yield f"{indent}when:"
        yield from (f"{indent}  {limit.written(dictionary)}" for limit in limits if limit not in absent)
    if absent and len(absent) < len(limits):
        yield f"{indent}  # never seen here, so not allowed:"
    yield from (f"{indent}  {limit.written(dictionary)}" for limit in absent)


def _list(key: str, items: Iterable[str]) -> Iterator[str]:
    items = list(items)
    line = f"{key} {flow_list(items)}"
    if len(line) <= _WIDE:
        yield line
        return
    indent = " " * (len(key) - len(key.lstrip()) + 2)
    yield key
    yield from (f"{indent}- {item}" for item in items)


def _comments(indent: str, lines: Iterable[str]) -> Iterator[str]:
    return (f"{indent}# {comment(line)}".rstrip() for line in lines)
