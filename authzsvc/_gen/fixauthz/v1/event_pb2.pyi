from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    inbound: _ClassVar[Direction]
    outbound: _ClassVar[Direction]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    allow: _ClassVar[Verdict]
    deny: _ClassVar[Verdict]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    info: _ClassVar[Severity]
    high: _ClassVar[Severity]
DIRECTION_UNSPECIFIED: Direction
inbound: Direction
outbound: Direction
VERDICT_UNSPECIFIED: Verdict
allow: Verdict
deny: Verdict
SEVERITY_UNSPECIFIED: Severity
info: Severity
high: Severity

class DecisionMetadata(_message.Message):
    __slots__ = ("decision_id", "verdict", "scope", "reason", "policy", "subject", "client_id")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    verdict: Verdict
    scope: str
    reason: str
    policy: str
    subject: str
    client_id: str
    def __init__(self, decision_id: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., scope: _Optional[str] = ..., reason: _Optional[str] = ..., policy: _Optional[str] = ..., subject: _Optional[str] = ..., client_id: _Optional[str] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("begin_string", "sender_comp_id", "target_comp_id", "subject", "client_id", "address", "principal")
    BEGIN_STRING_FIELD_NUMBER: _ClassVar[int]
    SENDER_COMP_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_COMP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    subject: str
    client_id: str
    address: str
    principal: str
    def __init__(self, begin_string: _Optional[str] = ..., sender_comp_id: _Optional[str] = ..., target_comp_id: _Optional[str] = ..., subject: _Optional[str] = ..., client_id: _Optional[str] = ..., address: _Optional[str] = ..., principal: _Optional[str] = ...) -> None: ...

class AdminAct(_message.Message):
    __slots__ = ("action", "operator", "claimed", "by", "value", "mode", "issuer", "targets", "hit", "not_kept", "behind")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    HIT_FIELD_NUMBER: _ClassVar[int]
    NOT_KEPT_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    action: str
    operator: str
    claimed: bool
    by: str
    value: str
    mode: str
    issuer: str
    targets: _containers.RepeatedScalarFieldContainer[str]
    hit: int
    not_kept: str
    behind: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, action: _Optional[str] = ..., operator: _Optional[str] = ..., claimed: bool = ..., by: _Optional[str] = ..., value: _Optional[str] = ..., mode: _Optional[str] = ..., issuer: _Optional[str] = ..., targets: _Optional[_Iterable[str]] = ..., hit: _Optional[int] = ..., not_kept: _Optional[str] = ..., behind: _Optional[_Iterable[str]] = ...) -> None: ...

class TrafficCount(_message.Message):
    __slots__ = ("direction", "msg_type", "scope", "count", "total")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    MSG_TYPE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    direction: Direction
    msg_type: str
    scope: str
    count: int
    total: int
    def __init__(self, direction: _Optional[_Union[Direction, str]] = ..., msg_type: _Optional[str] = ..., scope: _Optional[str] = ..., count: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class Traffic(_message.Message):
    __slots__ = ("connection", "counts", "resumed", "ended")
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    connection: str
    counts: _containers.RepeatedCompositeFieldContainer[TrafficCount]
    resumed: bool
    ended: bool
    def __init__(self, connection: _Optional[str] = ..., counts: _Optional[_Iterable[_Union[TrafficCount, _Mapping]]] = ..., resumed: bool = ..., ended: bool = ...) -> None: ...

class Flood(_message.Message):
    __slots__ = ("listener", "reason", "count", "since")
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    listener: str
    reason: str
    count: int
    since: str
    def __init__(self, listener: _Optional[str] = ..., reason: _Optional[str] = ..., count: _Optional[int] = ..., since: _Optional[str] = ...) -> None: ...

class AuditEvent(_message.Message):
    __slots__ = ("time", "decision_id", "event", "request_id", "session", "direction", "msg_type", "msg_seq_num", "poss_dup", "business_id", "business_id_tag", "verdict", "severity", "scope", "missing_scopes", "reason", "policy", "latency_us", "context", "mode", "rule", "unknown_scopes", "admin", "traffic", "unproven", "flood")
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TIME_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    MSG_TYPE_FIELD_NUMBER: _ClassVar[int]
    MSG_SEQ_NUM_FIELD_NUMBER: _ClassVar[int]
    POSS_DUP_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_ID_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_ID_TAG_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    MISSING_SCOPES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_SCOPES_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    TRAFFIC_FIELD_NUMBER: _ClassVar[int]
    UNPROVEN_FIELD_NUMBER: _ClassVar[int]
    FLOOD_FIELD_NUMBER: _ClassVar[int]
    time: str
    decision_id: str
    event: str
    request_id: str
    session: Session
    direction: Direction
    msg_type: str
    msg_seq_num: int
    poss_dup: bool
    business_id: str
    business_id_tag: int
    verdict: Verdict
    severity: Severity
    scope: str
    missing_scopes: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    policy: str
    latency_us: int
    context: _containers.ScalarMap[str, str]
    mode: str
    rule: str
    unknown_scopes: _containers.RepeatedScalarFieldContainer[str]
    admin: AdminAct
    traffic: Traffic
    unproven: bool
    flood: Flood
    def __init__(self, time: _Optional[str] = ..., decision_id: _Optional[str] = ..., event: _Optional[str] = ..., request_id: _Optional[str] = ..., session: _Optional[_Union[Session, _Mapping]] = ..., direction: _Optional[_Union[Direction, str]] = ..., msg_type: _Optional[str] = ..., msg_seq_num: _Optional[int] = ..., poss_dup: bool = ..., business_id: _Optional[str] = ..., business_id_tag: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., severity: _Optional[_Union[Severity, str]] = ..., scope: _Optional[str] = ..., missing_scopes: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., policy: _Optional[str] = ..., latency_us: _Optional[int] = ..., context: _Optional[_Mapping[str, str]] = ..., mode: _Optional[str] = ..., rule: _Optional[str] = ..., unknown_scopes: _Optional[_Iterable[str]] = ..., admin: _Optional[_Union[AdminAct, _Mapping]] = ..., traffic: _Optional[_Union[Traffic, _Mapping]] = ..., unproven: bool = ..., flood: _Optional[_Union[Flood, _Mapping]] = ...) -> None: ...
