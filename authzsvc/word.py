"""`Word`: an enum of strings that is quick to look up by."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """Members are hashed in C, as the strings that they are equal to; `Enum` calls Python for each look-up, and there
    are several to a decision."""

    __hash__ = str.__hash__
