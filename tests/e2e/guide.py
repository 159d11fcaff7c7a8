"""The TOML examples of the guides, so that what people copy is what is tested."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from ivr.settings import PROJECT_ROOT


def examples(guide: str) -> list[dict[str, Any]]:
    """Every TOML block of a page under docs/how-to, parsed, in order."""
    text = (PROJECT_ROOT / "docs/how-to" / guide).read_text()
    return [tomllib.loads(block) for block in re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def toml(settings: dict[str, Any]) -> str:
    """Settings as TOML text: tables, lists of tables and plain values."""
    plain = {k: v for k, v in settings.items() if not _is_table(v)}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    for name, value in settings.items():
        for table in value if isinstance(value, list) else [value]:
            if _is_table(value):
                heading = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
                lines += ["", heading, *(f"{k} = {_value(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
