"""The admin gRPC service: `proto/fixauthz/v1/admin.proto` over a `Control`, on a server of its own.

Each call is let in by `Access` or recorded as refused; what was begun is finished even when the caller hangs up, so
that a kill is never half done.

Invariants: the unix socket is its owner's alone from the moment it exists; nothing is served over TCP without TLS and a
proof of who asks.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from authzsvc._gen.fixauthz.v1 import admin_pb2 as pb
from authzsvc.errors import AdminError, StoreError
from authzsvc.floods import Reason
from authzsvc.server import admin_messages as messages
from authzsvc.server.admin_access import LOCAL, Access, AccessError
from authzsvc.server.admin_lockouts import LockoutDesk
from authzsvc.server.attempts import Attempts
from authzsvc.server.bounded import Bounded
from authzsvc.server.fronted import Server, host_of, peer_of
from authzsvc.server.listen import clear, credentials, refused
from authzsvc.server.refusals import Refusals
from authzsvc.sessions.acts import Act, Action, NotInForce, Noting, Operator, check_selector
from authzsvc.sessions.control import MAX_PAGE, Control
from authzsvc.sessions.restrictions import By, Restriction, Revocation
from authzsvc.settings.admin import AdminSettings

SERVICE = "fixauthz.v1.Admin"

_In = TypeVar("_In", bound=Message)
_Out = TypeVar("_Out", bound=Message)
_Context = grpc.aio.ServicerContext[Any, Any]

_umask = threading.Lock()


class Admin:
    """The service. `add_to` puts it on a server."""

    def __init__(self, control: Control, access: Access, attempts: Attempts, refusals: Refusals | None = None) -> None:
        """`refusals` bounds how many refused callers have a line of their own in the audit."""
        self._control = control
        self._lockouts = LockoutDesk(attempts, control.record)
        self._refusals = refusals
        self._access = access
        self._running: set[asyncio.Task[Any]] = set()

    def add_to(self, server: grpc.aio.Server | Bounded) -> None:
        """Serve there."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "ListSessions": self._method(Action.LIST, self._list_sessions, pb.ListSessionsRequest),
            "ListRestrictions": self._method(Action.LIST, self._list_restrictions, pb.ListRestrictionsRequest),
            "Kill": self._method(Action.KILL, self._kill, pb.KillRequest),
            "Restore": self._method(Action.RESTORE, self._restore, pb.RestoreRequest),
            "Revoke": self._method(Action.REVOKE, self._revoke, pb.RevokeRequest),
            "ListLockouts": self._method(Action.LIST, self._lockouts.show, pb.ListLockoutsRequest),
            "ClearLockouts": self._method(Action.UNLOCK, self._lockouts.lift, pb.ClearLockoutsRequest),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))

    def _method(
        self, action: Action, work: Callable[[_In, Operator], Awaitable[_Out]], kind: type[_In]
    ) -> grpc.RpcMethodHandler[_In, _Out]:
        async def answer(request: _In, context: _Context) -> _Out:
            operator = await self._let_in(action, context)
            try:
                return await self._finish(work(request, operator))
            except AdminError as error:
                await context.abort(_status(error), str(error))
            except StoreError as error:
                await context.abort(grpc.StatusCode.INTERNAL, str(error))

        return grpc.unary_unary_rpc_method_handler(answer, kind.FromString, lambda message: message.SerializeToString())

    async def _let_in(self, action: Action, context: _Context) -> Operator:
        peer = peer_of(context.peer())
        try:
            return await self._access.operator(peer, _texts(context.invocation_metadata()), context.auth_context())
        except AccessError as error:
            if self._has_line(peer):
                self._note(action, Operator(error.who, claimed=True, address=peer), refused=str(error))
            await context.abort(error.status, str(error))

    def _has_line(self, peer: str) -> bool:
        """Whether a refused caller has a line of their own in the audit; it has the others as a sum."""
        listener = "admin.unix" if peer.startswith(LOCAL) else "admin.tcp"
        if self._refusals is None or self._refusals.has_line(listener):
            return True
        self._refusals.note(listener, Reason.UNAUTHENTICATED, host_of(peer))
        return False

    async def _finish(self, work: Awaitable[_Out]) -> _Out:
        """Go on although the caller may not wait."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # told to the caller, if there still is one

    async def _kill(self, request: pb.KillRequest, operator: Operator) -> pb.Done:
        with self._noting(Action.KILL, operator):
            selector, mode = messages.selector(request.selector), messages.mode(request.mode)
        return messages.done(await self._control.kill(selector, mode, request.reason, operator))

    async def _restore(self, request: pb.RestoreRequest, operator: Operator) -> pb.Done:
        with self._noting(Action.RESTORE, operator):
            ids, selector = messages.restored(request)
        return messages.done(await self._control.restore(operator, ids=ids, selector=selector))

    async def _revoke(self, request: pb.RevokeRequest, operator: Operator) -> pb.Done:
        with self._noting(Action.REVOKE, operator):
            by, value = messages.revoked_by(request)
            keep_s = messages.keep_s(request)
        result = await self._control.revoke(by, value, request.reason, operator, issuer=request.issuer, keep_s=keep_s)
        return messages.done(result)

    async def _list_sessions(self, request: pb.ListSessionsRequest, operator: Operator) -> pb.ListSessionsResponse:
        with self._noting(Action.LIST, operator):
            selector = messages.selector(request.selector) if request.HasField("selector") else None
            if selector is not None:
                check_selector(selector)
                if selector.by is By.ON_BEHALF_OF:
                    raise AdminError("sessions have no firm (select them by a CompID, a client, a subject or a role)")
        if not request.page_token:
            by, value = (selector.by.value, selector.value) if selector else ("", "")
            self._note(Action.LIST, operator, by=by, value=value)
        limit = min(request.page_size or MAX_PAGE, MAX_PAGE)
        page = self._control.sessions(selector, request.page_token, limit)
        more = page[-1].facts.id if len(page) == limit else ""
        return pb.ListSessionsResponse(sessions=map(messages.live_session, page), next_page_token=more)

    async def _list_restrictions(
        self, request: pb.ListRestrictionsRequest, operator: Operator
    ) -> pb.ListRestrictionsResponse:
        if not request.page_token:
            self._note(Action.LIST, operator)
        now = self._control.restrictions
        limit = min(request.page_size or MAX_PAGE, MAX_PAGE)
        entries: list[Restriction | Revocation] = [*now.restrictions.values(), *now.revocations.values()]
        entries.sort(key=lambda entry: entry.id)
        page = [entry for entry in entries if entry.id > request.page_token][:limit]
        return pb.ListRestrictionsResponse(
            restrictions=[messages.restriction(entry) for entry in page if isinstance(entry, Restriction)],
            revocations=[messages.revocation(entry) for entry in page if not isinstance(entry, Restriction)],
            next_page_token=page[-1].id if len(page) == limit else "",
        )

    def _note(self, action: Action, operator: Operator, *, by: str = "", value: str = "", refused: str = "") -> None:
        self._control.record(
            Act(secrets.token_hex(8), time.time(), action, operator, by=by, value=value, refused=refused)
        )

    def _noting(self, action: Action, operator: Operator) -> Noting:
        return Noting(lambda text: self._note(action, operator, refused=text))


def bind_admin(server: Server, settings: AdminSettings) -> list[str]:
    """Bind the admin addresses; returns them as they came to be. Raises `SettingsFaults`."""
    addresses = []
    if settings.unix is not None:
        clear(settings.unix, "admin.unix")
        address = f"{LOCAL}{settings.unix.absolute()}"
        _bind_private(server, address, str(settings.unix))
        addresses.append(address)
    if settings.tcp is not None and settings.tls is not None:
        proof = credentials(settings.tls, "admin.tls")
        try:
            port = server.add_secure_port(settings.tcp, proof)
        except RuntimeError:
            raise refused("admin.tcp", f"`{settings.tcp}` cannot be listened on", "is it taken?") from None
        addresses.append(f"{settings.tcp.rpartition(':')[0]}:{port}")
    return addresses


def _bind_private(server: Server, address: str, path: str) -> None:
    """The socket is made with no right for others, rather than deprived of them when somebody may have come."""
    with _umask:
        before = os.umask(0o177)
        try:
            server.add_insecure_port(address)
        except RuntimeError:
            raise refused("admin.unix", f"`{path}` cannot be listened on", "does its directory exist?") from None
        finally:
            os.umask(before)
    if stat.S_IMODE(os.lstat(path).st_mode) & 0o077:
        raise refused("admin.unix", f"`{path}` cannot be made private", "take a directory on another file system")


def _status(error: AdminError) -> grpc.StatusCode:
    if isinstance(error, AccessError):
        return error.status
    return grpc.StatusCode.NOT_FOUND if isinstance(error, NotInForce) else grpc.StatusCode.INVALID_ARGUMENT


def _texts(metadata: object) -> Mapping[str, str]:
    """Headers that are text; of one that comes twice, none, so that it cannot mean two things."""
    pairs = [(name, value) for name, value in metadata or () if isinstance(value, str)]  # type: ignore[attr-defined]
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}
