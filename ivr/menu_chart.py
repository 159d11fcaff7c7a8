"""A menu plan as a picture: a Mermaid flow chart."""

from __future__ import annotations

import re

from ivr.domain.menu import UNIVERSAL_KEYS, MenuPlan, Target

PLACES = {"queue": "队列", "menu": "菜单", "message": "语音留言", "emergency": "紧急提示，然后人工",
          "enquiry": "查询办理进度", "lawyer": "点名律师", "appointment": "预约", "callback": "预约回电", "language": "语言坐席"}
"""What each kind of target is called on the screen."""


def mermaid(plan: MenuPlan, texts: dict[str, str]) -> str:
    """Menus as boxes with what they say, keys on the arrows, places to go rounded; ``texts`` are the prompts' by name."""
    lines = ["flowchart TD", f'  call(["来电：问候和录音告知"]) --> {_box(plan.start)}']
    ends: dict[str, str] = {}

    def place(target: Target) -> str:
        if target.kind == "menu":
            return _box(target.name)
        node = re.sub(r"\W", "_", str(target))
        ends[node] = f'  {node}(["{f"{PLACES[target.kind]} {target.name}".strip()}"])'
        return node

    for menu in plan.menus.values():
        ways = [(f"{key} {target.topic}".strip(), target) for key, target in menu.keys.items()]
        if menu.heard_in:
            ways.append(("不按键，坐席应答", Target("queue", menu.heard_in)))
        else:
            ways += [("0", plan.human), (f"不按键 {menu.times} 次", menu.otherwise or plan.human)]
        if menu.closed is not None:
            ways.append((f"{menu.hours} 以外", menu.closed))
        words = "".join(texts.get(prompt, prompt) for prompt in menu.heard)
        lines.append(f'  {_box(menu.name)}["{words}"]')
        lines += [f'  {_box(menu.name)} -- "{word}" --> {place(target)}' for word, target in ways]
    universal = "，".join(f"{key} {meaning}" for key, meaning in UNIVERSAL_KEYS.items())
    return "\n".join([*lines, *ends.values(), f'  note["任何时候：{universal}"]']) + "\n"


def _box(menu: str) -> str:
    return f"menu_{menu}".replace("-", "_")
