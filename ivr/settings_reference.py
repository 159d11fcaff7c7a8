"""The reference page of all settings, written from the settings themselves so that it cannot drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ivr.settings import PROJECT_ROOT, Settings

_HEAD = """# Settings

Written by `ivr settings --markdown`; a test keeps it true. A setting comes from the environment
(`IVR_WEB__PORT=8443`) or, when absent there, from one TOML file (`[web]`, `port = 8443`): `$IVR_CONFIG`, else
`/etc/ivr/ivr.toml`, else `ivr.toml` in the state folder. Lists (queues, seats, trunks, duty numbers) are tables in
the file. Unknown names and wrong values are refused at start, all at once.
"""


def reference() -> str:
    """The page as Markdown."""
    parts = [_HEAD, _table("General", Settings, "IVR_")]
    for name, field in Settings.model_fields.items():
        model = _model_of(field)
        if model is None:
            continue
        is_list = "list" in str(field.annotation)
        title = f"`[[{name}]]`" if is_list else f"`[{name}]`"
        parts.append(_table(f"{title} {(model.__doc__ or '').splitlines()[0]}", model, "" if is_list else f"IVR_{name.upper()}__"))
    return "\n".join(parts)


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _table(title: str, model: type[BaseModel], prefix: str) -> str:
    rows = list(_rows(model, prefix))
    return "\n".join([f"## {title}\n", "| setting | environment | default | meaning |", "| --- | --- | --- | --- |", *rows, ""])


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if _model_of(field) is not None:
            continue
        environment = f"`{prefix}{name.upper()}`" if prefix else "file only"
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{name}` | {environment} | {_default(name, field)} | {meaning} |"


def _default(name: str, field: FieldInfo) -> str:
    if name == "state_dir":
        return "`/var/lib/ivr` for root, else `~/.local/state/ivr`"
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    if value in (None, "", [], {}):
        return "empty"
    return f"`{str(value).replace(str(PROJECT_ROOT) + '/', '')}`"
