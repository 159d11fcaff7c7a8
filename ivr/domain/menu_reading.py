"""A menu plan from parsed YAML: every complaint about its form is collected, instead of stopping at the first."""

from __future__ import annotations

import re
from typing import Any

from ivr.domain.menu import CHOICE_KEYS, NAMELESS_KINDS, TARGET_KINDS, UNIVERSAL_KEYS, Complaint, Menu, MenuPlan, Target

_PHRASE = re.compile(r"[\u4e00-\u9fff]{1,10}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}", re.ASCII)


class _Reader:
    """Takes a plan apart and collects every complaint instead of stopping at the first."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []

    def complain(self, place: str, text: str) -> None:
        self.complaints.append(Complaint(place, text))

    def entries(self, place: str, value: Any) -> dict[Any, Any]:
        if not isinstance(value, dict):
            self.complain(place, f"is {value!r}; write its entries below it")
            return {}
        return value

    def fields(self, place: str, value: Any, known: tuple[str, ...]) -> dict[Any, Any]:
        given = self.entries(place, value)
        for name in sorted(set(map(str, given)) - set(known)):
            self.complain(place, f"{name} is not known here; use {', '.join(known)}")
        return given

    def name(self, place: str, value: Any) -> str:
        text = str(value if value is not None else "")
        if not _NAME.fullmatch(text):
            self.complain(place, f"{text!r} is no name; use lower-case letters, digits and hyphens, at most 31")
        return text

    def number(self, place: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.complain(place, f"{value!r} is no whole number from {least} to {most}")
            return least
        return value

    def yes_or_no(self, place: str, value: Any) -> bool:
        if not isinstance(value, bool):
            self.complain(place, f"{value!r} is neither true nor false")
        return value is True

    def text(self, place: str, value: Any, most: int) -> str:
        text = str(value if value is not None else "")
        if len(text) > most or any(ord(c) < 32 or c in ',;"\\|[]()${}&' for c in text):
            self.complain(place, f"{text[:40]!r} is longer than {most} characters or holds one of , ; \" \\ | [ ] ( ) $ {{ }} &")
            return ""
        return text

    def target(self, place: str, value: Any) -> Target:
        given = self.fields(place, value, (*TARGET_KINDS, "topic", "says", "named"))
        kinds = [k for k in TARGET_KINDS if k in given]
        if len(kinds) != 1:
            self.complain(place, f"names {len(kinds)} places to go to; name one of {', '.join(TARGET_KINDS)}")
            return Target("queue")
        kind = kinds[0]
        name = ""
        if kind in NAMELESS_KINDS:
            if given[kind] is not True:
                self.complain(place, f"write {kind}: true")
        else:
            name = self.name(f"{place}, {kind}", given[kind])
        return Target(
            kind, name, self.text(f"{place}, topic", given.get("topic", ""), 20),
            self.phrases(f"{place}, says", given.get("says", [])),
            self.name(f"{place}, named", given["named"]) if "named" in given else "",
        )

    def phrases(self, place: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(p, str) and _PHRASE.fullmatch(p) for p in value):
            self.complain(place, f"{value!r} is no list of phrases; write each in 1 to 10 Chinese characters, as it is said")
            return ()
        return tuple(value)


def read_plan(data: Any, file: str) -> tuple[MenuPlan, list[Complaint]]:
    """A plan from parsed YAML, with everything that is wrong with its form; ``file`` names it in complaints."""
    reader = _Reader()
    given = reader.fields(file, data, ("name", "title", "start", "human", "language", "menus"))
    menus = {}
    for key, value in reader.entries(f"{file}, menus", given.get("menus", {})).items():
        name = reader.name(f"{file}, menus", key)
        menus[name] = _read_menu(reader, f"{file}, menu {name}", name, value)
    if not menus:
        reader.complain(file, "has no menus; write at least one")
    language = str(given.get("language", "zh"))
    if language not in ("zh", "en"):
        reader.complain(f"{file}, language", f"{language!r} is not spoken here; use zh or en")
    plan = MenuPlan(
        reader.name(f"{file}, name", given.get("name")), reader.text(f"{file}, title", given.get("title", ""), 20),
        reader.name(f"{file}, start", given.get("start")), reader.target(f"{file}, human", given.get("human")), menus, language,
    )
    return plan, reader.complaints


def _read_menu(reader: _Reader, place: str, name: str, value: Any) -> Menu:
    known = ("prompt", "keys", "otherwise", "timeout_s", "times", "invalid_limit", "heard_in", "hours", "closed", "spoken")
    given = reader.fields(place, value, known)
    keys = {}
    for name_of_key, target in reader.entries(f"{place}, keys", given.get("keys", {})).items():
        key = str(name_of_key)
        if key in UNIVERSAL_KEYS:
            reader.complain(f"{place}, key {key}", f"means {UNIVERSAL_KEYS[key]} in every menu; use another key")
        elif key not in CHOICE_KEYS:
            reader.complain(f"{place}, key {key}", f"is no key; use one of {' '.join(CHOICE_KEYS)}")
        else:
            keys[key] = reader.target(f"{place}, key {key}", target)
    return Menu(
        name, reader.name(f"{place}, prompt", given.get("prompt")), keys,
        reader.target(f"{place}, otherwise", given["otherwise"]) if "otherwise" in given else None,
        reader.number(f"{place}, timeout_s", given.get("timeout_s", 5), 1, 30),
        reader.number(f"{place}, times", given.get("times", 2), 1, 5),
        reader.number(f"{place}, invalid_limit", given.get("invalid_limit", 3), 1, 10),
        reader.name(f"{place}, heard_in", given["heard_in"]) if "heard_in" in given else "",
        reader.name(f"{place}, hours", given["hours"]) if "hours" in given else "",
        reader.target(f"{place}, closed", given["closed"]) if "closed" in given else None,
        reader.yes_or_no(f"{place}, spoken", given.get("spoken", False)),
    )
