from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    kill: _ClassVar[Mode]
    cancel_only: _ClassVar[Mode]
MODE_UNSPECIFIED: Mode
kill: Mode
cancel_only: Mode

class Selector(_message.Message):
    __slots__ = ("comp_id", "client", "subject", "role", "all", "on_behalf_of")
    COMP_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    ON_BEHALF_OF_FIELD_NUMBER: _ClassVar[int]
    comp_id: str
    client: str
    subject: str
    role: str
    all: bool
    on_behalf_of: str
    def __init__(self, comp_id: _Optional[str] = ..., client: _Optional[str] = ..., subject: _Optional[str] = ..., role: _Optional[str] = ..., all: bool = ..., on_behalf_of: _Optional[str] = ...) -> None: ...

class KillRequest(_message.Message):
    __slots__ = ("selector", "mode", "reason")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    selector: Selector
    mode: Mode
    reason: str
    def __init__(self, selector: _Optional[_Union[Selector, _Mapping]] = ..., mode: _Optional[_Union[Mode, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class RestoreRequest(_message.Message):
    __slots__ = ("ids", "selector", "everything")
    IDS_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    EVERYTHING_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    selector: Selector
    everything: bool
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., everything: bool = ...) -> None: ...

class RevokeRequest(_message.Message):
    __slots__ = ("token_id", "subject", "issuer", "reason", "keep_s")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KEEP_S_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    subject: str
    issuer: str
    reason: str
    keep_s: float
    def __init__(self, token_id: _Optional[str] = ..., subject: _Optional[str] = ..., issuer: _Optional[str] = ..., reason: _Optional[str] = ..., keep_s: _Optional[float] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("ids", "hit")
    IDS_FIELD_NUMBER: _ClassVar[int]
    HIT_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    hit: int
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., hit: _Optional[int] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("selector", "page_size", "page_token")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    selector: Selector
    page_size: int
    page_token: str
    def __init__(self, selector: _Optional[_Union[Selector, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[LiveSession]
    next_page_token: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[LiveSession, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LiveSession(_message.Message):
    __slots__ = ("id", "begin_string", "sender_comp_id", "sender_sub_id", "sender_location_id", "target_comp_id", "target_sub_id", "target_location_id", "tenant", "issuer", "client_id", "subject", "roles", "address", "principal", "logged_on_at", "expires_at", "restriction", "revocation")
    ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_STRING_FIELD_NUMBER: _ClassVar[int]
    SENDER_COMP_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_SUB_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_LOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_COMP_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_SUB_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_LOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    LOGGED_ON_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    RESTRICTION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    begin_string: str
    sender_comp_id: str
    sender_sub_id: str
    sender_location_id: str
    target_comp_id: str
    target_sub_id: str
    target_location_id: str
    tenant: str
    issuer: str
    client_id: str
    subject: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    address: str
    principal: str
    logged_on_at: float
    expires_at: float
    restriction: Restriction
    revocation: Revocation
    def __init__(self, id: _Optional[str] = ..., begin_string: _Optional[str] = ..., sender_comp_id: _Optional[str] = ..., sender_sub_id: _Optional[str] = ..., sender_location_id: _Optional[str] = ..., target_comp_id: _Optional[str] = ..., target_sub_id: _Optional[str] = ..., target_location_id: _Optional[str] = ..., tenant: _Optional[str] = ..., issuer: _Optional[str] = ..., client_id: _Optional[str] = ..., subject: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., address: _Optional[str] = ..., principal: _Optional[str] = ..., logged_on_at: _Optional[float] = ..., expires_at: _Optional[float] = ..., restriction: _Optional[_Union[Restriction, _Mapping]] = ..., revocation: _Optional[_Union[Revocation, _Mapping]] = ...) -> None: ...

class ListRestrictionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRestrictionsResponse(_message.Message):
    __slots__ = ("restrictions", "revocations", "next_page_token")
    RESTRICTIONS_FIELD_NUMBER: _ClassVar[int]
    REVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    restrictions: _containers.RepeatedCompositeFieldContainer[Restriction]
    revocations: _containers.RepeatedCompositeFieldContainer[Revocation]
    next_page_token: str
    def __init__(self, restrictions: _Optional[_Iterable[_Union[Restriction, _Mapping]]] = ..., revocations: _Optional[_Iterable[_Union[Revocation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Restriction(_message.Message):
    __slots__ = ("id", "selector", "mode", "reason", "operator", "at")
    ID_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    selector: Selector
    mode: Mode
    reason: str
    operator: str
    at: float
    def __init__(self, id: _Optional[str] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., mode: _Optional[_Union[Mode, str]] = ..., reason: _Optional[str] = ..., operator: _Optional[str] = ..., at: _Optional[float] = ...) -> None: ...

class Revocation(_message.Message):
    __slots__ = ("id", "token_id", "subject", "issuer", "reason", "operator", "at", "until")
    ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    id: str
    token_id: str
    subject: str
    issuer: str
    reason: str
    operator: str
    at: float
    until: float
    def __init__(self, id: _Optional[str] = ..., token_id: _Optional[str] = ..., subject: _Optional[str] = ..., issuer: _Optional[str] = ..., reason: _Optional[str] = ..., operator: _Optional[str] = ..., at: _Optional[float] = ..., until: _Optional[float] = ...) -> None: ...

class ListLockoutsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLockoutsResponse(_message.Message):
    __slots__ = ("lockouts", "next_page_token")
    LOCKOUTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    lockouts: _containers.RepeatedCompositeFieldContainer[Lockout]
    next_page_token: str
    def __init__(self, lockouts: _Optional[_Iterable[_Union[Lockout, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Lockout(_message.Message):
    __slots__ = ("kind", "name", "address", "left_s", "locks", "shared")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LEFT_S_FIELD_NUMBER: _ClassVar[int]
    LOCKS_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    address: str
    left_s: float
    locks: int
    shared: bool
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., address: _Optional[str] = ..., left_s: _Optional[float] = ..., locks: _Optional[int] = ..., shared: bool = ...) -> None: ...

class ClearLockoutsRequest(_message.Message):
    __slots__ = ("name", "address", "all")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    all: bool
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., all: bool = ...) -> None: ...

class ClearLockoutsResponse(_message.Message):
    __slots__ = ("lifted",)
    LIFTED_FIELD_NUMBER: _ClassVar[int]
    lifted: int
    def __init__(self, lifted: _Optional[int] = ...) -> None: ...
