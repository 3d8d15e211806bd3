"""Reading the settings: a YAML (or JSON) file, the environment, options; the later before the earlier.

Invariant: settings that do not hold never start a service; all their faults are told at once, each with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from authzsvc.errors import Fault, Faults, SettingsFaults
from authzsvc.policy.source import Place, Source, key_path, read
from authzsvc.settings.service import DELIMITER, PREFIX, Settings


def load(path: Path | None, options: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings. `options` has the file's own shape and comes before all else. Raises `SettingsFaults`."""
    source = _read(path)
    given = dict(options or {})

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file_settings = InitSettingsSource(settings_cls, cast("dict[str, Any]", source.data))
            return init_settings, env_settings, file_settings

    try:
        environment = EnvSettingsSource(Layered)()
        return Layered(**given)
    except SettingsError as error:
        raise SettingsFaults([Fault("environment", 0, "", _sentence(str(error)), "lists are JSON")]) from None
    except ValidationError as error:
        faults = [_fault(found, source, environment, given) for found in error.errors(include_url=False)]
        raise SettingsFaults(faults) from None


def _read(path: Path | None) -> Source:
    if path is None:
        return Source("settings", {}, {})
    try:
        source = read(path)
    except Faults as error:
        raise SettingsFaults(list(error.faults)) from None
    if source.data is None:
        return Source(source.file, {}, source.lines)
    if not isinstance(source.data, dict):
        raise SettingsFaults([Fault(source.file, 1, "", "is not a mapping of keys to values")])
    return source


def _fault(found: Any, source: Source, environment: dict[str, Any], options: dict[str, Any]) -> Fault:  # noqa: ANN401
    """Say a pydantic error in our words, at the place where the value came from."""
    place: Place = found["loc"]
    text, hint = _words(found)
    if _stands_in(place, options):
        return Fault("options", 0, key_path(place), text, hint)
    if _stands_in(place, environment):
        name = PREFIX + DELIMITER.join(str(step).upper() for step in place)
        return Fault("environment", 0, name, text, hint)
    line = source.line(place) if source.lines else 0
    return Fault(source.file, line, key_path(place), text, hint)


def _stands_in(place: Place, data: Any) -> bool:  # noqa: ANN401
    """Whether the whole way to the value is in `data`."""
    for step in place:
        known = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        if not known:
            return False
        data = data[step]
    return True


def _words(found: Any) -> tuple[str, str]:  # noqa: ANN401
    if found["type"] == "missing":
        return "is missing", "set it"
    if found["type"] == "extra_forbidden":
        return "is not a setting", "see the README for the keys"
    message = _sentence(found["msg"].removeprefix("Value error, "))
    value = found["input"]
    return (f"`{value}`: {message}" if isinstance(value, str | int | float) else message), ""


def _sentence(text: str) -> str:
    return " ".join((text[:1].lower() + text[1:]).split())
