"""Prints what commands say, with everything escaped that a terminal must not get (`authzsvc.visible`).

Commands print by `say`, `say_json` or a `console`, and by nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from authzsvc.visible import json_text, printable

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def say(*texts: object, err: bool = False) -> None:
    """Print texts on a line, with spaces between."""
    print(printable(" ".join(map(str, texts))), file=sys.stderr if err else sys.stdout)


def say_json(document: object, indent: int | None = None) -> None:
    """Print JSON for programs."""
    print(json_text(json.dumps(document, indent=indent, ensure_ascii=False)))


def console(**options: Any) -> Console:  # noqa: ANN401 (those of rich's)
    """A console that does not interpret markup, and prints characters that must not be printed as escapes."""
    made = Console(highlight=False, **options)
    made.push_render_hook(_Printable())
    return made


class _Printable(RenderHook):
    """Escapes all texts that a console is about to print, before colours are added."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wrap each."""
        return [_Wrapped(renderable) for renderable in renderables]


@dataclass(frozen=True, slots=True)
class _Wrapped:
    inner: ConsoleRenderable

    def __rich_console__(self, made: Console, options: ConsoleOptions) -> Iterator[Segment]:
        segments: Sequence[Segment] = list(made.render(self.inner, options))
        for text, style, control in segments:
            yield Segment(text if control else printable(text), style, control)
