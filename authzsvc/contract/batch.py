"""Several messages in one Check: they are taken apart here, and judged as if each had been asked about alone.

All are alike in what the headers say but for MsgType (35), MsgSeqNum (34) and PossDupFlag (43), which stand, in this
order, before the body fields of each. 35 is in no body, so the cut is clear; what is cut otherwise than the headers say
is refused whole.
"""

from __future__ import annotations

from authzsvc.contract.reading import is_msg_type, is_number
from authzsvc.contract.request import FixRequest
from authzsvc.errors import ContractError
from authzsvc.fix.fields import Fields

_MSG_TYPE, _MSG_SEQ_NUM, _POSS_DUP_FLAG = 35, 34, 43

Pairs = tuple[tuple[int, bytes], ...]


def split(request: FixRequest) -> tuple[FixRequest, ...]:
    """The messages of a Check, in their order. Raises `ContractError`."""
    if request.messages == 1:
        return (request,)
    pairs = request.fields.pairs
    starts = [index for index, (tag, _) in enumerate(pairs) if tag == _MSG_TYPE]
    if len(starts) != request.messages or starts[0] != 0:
        raise ContractError("`raw_body` does not hold as many messages as `x-fix-batch` says, each from its 35 on")
    ends = [*starts[1:], len(pairs)]
    messages = tuple(_message(request, pairs[start:end]) for start, end in zip(starts, ends, strict=True))
    first = messages[0]
    if (first.msg_type, first.seq, first.poss_dup) != (request.msg_type, request.seq, request.poss_dup):
        raise ContractError("the headers are not about the first message of `raw_body`")
    return messages


def _message(request: FixRequest, pairs: Pairs) -> FixRequest:
    """One of them: `pairs` are its own, from its MsgType on."""
    msg_type = pairs[0][1].decode("latin-1")
    tag, number = pairs[1] if len(pairs) > 1 else (0, b"")
    seq = number.decode("latin-1")
    if not is_msg_type(msg_type) or tag != _MSG_SEQ_NUM or not is_number(seq):
        raise ContractError("a message of `raw_body` does not begin with its 35 and 34")
    tag, flag = pairs[2] if len(pairs) > 2 else (0, b"")
    flagged = tag == _POSS_DUP_FLAG
    if flagged and flag not in (b"Y", b"N"):
        raise ContractError("the 43 of a message of `raw_body` is neither `Y` nor `N`")
    return request._replace(
        msg_type=msg_type,
        seq=int(seq),
        poss_dup=flagged and flag == b"Y",
        fields=Fields(pairs[3:] if flagged else pairs[2:]),
        messages=1,
    )
