"""Where the dialplan goes by what a caller said or pressed: the controller's answers as places in the rendered contexts."""

from __future__ import annotations

from ivr.domain.menu import CHOICE_KEYS, UNIVERSAL_KEYS, Menu


def spoken_keys(menu: Menu) -> list[tuple[str, str]]:
    """The keys that can be said, with their names in answers; 0 can be said in every menu."""
    return [(key, _name(key)) for key, target in menu.keys.items() if target.says] + [("0", "0")]


def spoken_answers(menu: Menu, *, confirming: bool = False) -> dict[str, str]:
    """Each answer of ``ivr.pipeline.answer_spoken`` → place; after asking back, 1 means yes and nothing is asked again."""
    speak = f"speak-{menu.name}"
    keys = f"confirm-{menu.name}" if confirming else f"menu-{menu.name}"
    pressed = {*UNIVERSAL_KEYS, "1"} if confirming else {*UNIVERSAL_KEYS, *menu.keys}
    found = {f"said_{name}": f"{speak},said_{name},1" for _, name in spoken_keys(menu)}
    if confirming:
        found["yes"] = f"{keys},1,1"
    else:
        named = [_name(key) for key, target in menu.keys.items() if target.says and target.named]
        found |= {f"ask_{name}": f"{speak},ask_{name},1" for name in named}
        found["silent"] = f"{keys},t,1"
    found |= {f"key_{_name(key)}": f"{keys},{key},1" for key in sorted(pressed)}
    found |= {f"key_{_name(key)}": f"{keys},i,1" for key in CHOICE_KEYS if key not in pressed}
    return found | {"key_other": f"{keys},i,1", "emergency": f"{speak},emergency,1", "none": f"{speak},none,1"}


def _name(key: str) -> str:
    return {"#": "hash", "*": "star"}.get(key, key)
