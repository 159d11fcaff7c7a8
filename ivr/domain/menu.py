"""Menus a caller meets, as data: checked and walked without a telephone (read by ivr.domain.menu_reading).

One key means one thing in every menu: 0 a human, 9 no recording, * hear it again; a menu cannot give them another
meaning. Nothing pressed always reaches a human, or whatever ``otherwise`` names. A menu that is ``heard_in`` a queue is
heard by callers who wait there already, while seats ring: pressing nothing then changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ivr.domain.appointment import SERVICES
from ivr.domain.caller_language import Language

TargetKind = Literal["queue", "menu", "message", "emergency", "enquiry", "lawyer", "appointment", "callback", "language"]
UNIVERSAL_KEYS: Mapping[str, str] = {"0": "人工", "9": "不录音", "*": "重听"}
CHOICE_KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "#")

TARGET_KINDS: tuple[TargetKind, ...] = (
    "queue", "menu", "message", "emergency", "enquiry", "lawyer", "appointment", "callback", "language",
)
NAMELESS_KINDS: frozenset[TargetKind] = frozenset({"message", "emergency", "enquiry", "lawyer", "callback"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where a key leads. ``name`` is the queue's or the menu's; '' where there is only one such place.

    ``topic`` tells the operator what the caller chose, in the field's words. ``says`` are phrases that mean the key in a
    menu that hears speech, ``named`` is the prompt of the topic, for asking back.
    """

    kind: TargetKind
    name: str = ""
    topic: str = ""
    says: tuple[str, ...] = ()
    named: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Menu:
    """One level. ``times`` is how often it is heard in all, ``timeout_s`` how long it waits for a key after each.

    ``invalid_limit`` keys without a meaning lead to ``otherwise`` as silence does. ``hours`` names opening hours outside
    of which ``closed`` is taken instead. ``offers`` are prompts heard after ``prompt``: keys the settings added.
    """

    name: str
    prompt: str
    keys: Mapping[str, Target]
    otherwise: Target | None = None
    timeout_s: int = 5
    times: int = 2
    invalid_limit: int = 3
    heard_in: str = ""
    hours: str = ""
    closed: Target | None = None
    spoken: bool = False
    offers: tuple[str, ...] = ()

    @property
    def heard(self) -> tuple[str, ...]:
        """Everything the menu says, in order."""
        return (self.prompt, *self.offers)


@dataclass(frozen=True, slots=True)
class MenuPlan:
    """A whole journey: the menus by name and the one a call starts in."""

    name: str
    title: str
    start: str
    human: Target
    menus: Mapping[str, Menu]
    language: str = "zh"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a plan, where, and what to do."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan may refer to."""

    queues: frozenset[str]
    prompts: frozenset[str]
    hours: frozenset[str] = field(default_factory=frozenset)
    languages: tuple[Language, ...] = ()


def check_plan(plan: MenuPlan, known: Surroundings) -> list[Complaint]:
    """What a caller would stumble over: places that do not exist, menus nobody reaches, circles nobody leaves."""
    found = list(_lost_references(plan, known))
    reached = _reached(plan)
    for name, menu in plan.menus.items():
        place = f"menu {name}"
        if name not in reached:
            found.append(Complaint(place, f"no key leads here; remove it or give it a key in {plan.start}"))
        if menu.heard_in and menu.hours and name != plan.start:
            found.append(Complaint(place, "only the first menu of those heard in a queue can have hours; remove hours and closed"))
        if any(menu.heard_in and menu.heard_in == other.heard_in for other in plan.menus.values() if other.name < name):
            found.append(Complaint(place, f"another menu is heard in {menu.heard_in} already; keep one of them"))
        if menu.heard_in and menu.otherwise is not None:
            found.append(Complaint(place, "who presses nothing stays in the queue; remove otherwise"))
        found += [Complaint(place, text) for text in _unheard(menu, known)]
        if bool(menu.hours) != (menu.closed is not None):
            found.append(Complaint(place, "hours and closed belong together; give both or neither"))
    for circle in _circles(plan):
        around = " → ".join([*circle, circle[0]])
        found.append(Complaint(f"menu {circle[0]}", f"silence goes round {around} for ever; let otherwise reach a human"))
    return found


def _unheard(menu: Menu, known: Surroundings) -> Iterator[str]:
    """What keeps a caller who speaks to this menu from being understood."""
    said = Counter(phrase for target in menu.keys.values() for phrase in target.says)
    if menu.spoken and menu.heard_in:
        yield "who waits in a queue speaks to nobody; remove spoken"
    if menu.spoken and not said:
        yield "nothing can be said here; give a key says, or remove spoken"
    if said and not menu.spoken:
        yield "says is not heard here; write spoken: true"
    for phrase, times in said.items():
        if times > 1:
            yield f"{phrase} is said for {times} keys; keep one of them"
    for key, target in menu.keys.items():
        if target.named and target.named not in known.prompts:
            yield f"key {key}: the prompt {target.named} is missing; add it to the prompt manifest"


def _lost_references(plan: MenuPlan, known: Surroundings) -> Iterator[Complaint]:
    if plan.start not in plan.menus:
        yield Complaint("start", f"there is no menu {plan.start}; name one of {', '.join(sorted(plan.menus)) or 'them'}")
    if plan.human.kind != "queue":
        yield Complaint("human", "a human is reached in a queue; write human: {queue: NAME}")
    places: dict[TargetKind, tuple[frozenset[str], str]] = {
        "queue": (known.queues, "queue"), "menu": (frozenset(plan.menus), "menu"),
        "appointment": (frozenset(SERVICES), "service with appointments"),
        "language": (frozenset(one.name for one in known.languages), "language"),
    }
    for place, target in _targets(plan):
        if target.kind in places:
            names, word = places[target.kind]
            if target.name not in names:
                yield Complaint(place, f"there is no {word} {target.name}; there is {', '.join(sorted(names)) or 'none'}")
    for name, menu in plan.menus.items():
        if menu.prompt not in known.prompts:
            yield Complaint(f"menu {name}", f"the prompt {menu.prompt} is missing; add it to the prompt manifest")
        if menu.heard_in and menu.heard_in not in known.queues:
            yield Complaint(f"menu {name}", f"heard_in: there is no queue {menu.heard_in}")
        if menu.hours and menu.hours not in known.hours:
            there = ", ".join(sorted(known.hours)) or "none"
            yield Complaint(f"menu {name}", f"there are no opening hours {menu.hours}; there is {there}")


def _targets(plan: MenuPlan) -> Iterator[tuple[str, Target]]:
    yield "human", plan.human
    for name, menu in plan.menus.items():
        for key, target in menu.keys.items():
            yield f"menu {name}, key {key}", target
        for word, also in (("otherwise", menu.otherwise), ("closed", menu.closed)):
            if also is not None:
                yield f"menu {name}, {word}", also


def _reached(plan: MenuPlan) -> set[str]:
    reached: set[str] = set()
    ahead = [plan.start]
    heard = {menu.heard_in: menu.name for menu in plan.menus.values() if menu.heard_in}
    while ahead:
        menu = plan.menus.get(ahead.pop())
        if menu is not None and menu.name not in reached:
            reached.add(menu.name)
            targets = [t for t in (*menu.keys.values(), menu.otherwise, menu.closed, plan.human) if t is not None]
            ahead += [t.name for t in targets if t.kind == "menu"]
            ahead += [heard[t.name] for t in targets if t.kind == "queue" and t.name in heard]
    return reached


def _circles(plan: MenuPlan) -> Iterator[list[str]]:
    """Menus that lead into each other by silence alone; keys may lead back, because a person chose so."""
    for start in plan.menus:
        path = [start]
        while True:
            after = plan.menus[path[-1]].otherwise
            if after is None or after.kind != "menu" or after.name not in plan.menus:
                break
            if after.name in path:
                circle = path[path.index(after.name) :]
                if min(circle) == start == path[0] == circle[0]:
                    yield circle
                break
            path.append(after.name)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a caller: what is heard, or where the call goes."""

    kind: Literal["heard", "key", "refused", "goes"]
    text: str


def walk(plan: MenuPlan, keys: str, *, open_now: bool = True) -> list[Step]:
    """What a caller meets who presses these keys, one for each time a menu waits; a space is silence. Ends at a target."""
    steps: list[Step] = []
    pressed = iter(keys)
    name, heard, invalid = plan.start, 0, 0
    while True:
        menu = plan.menus[name]
        if menu.closed is not None and not open_now:
            target = menu.closed
        else:
            steps += [Step("heard", prompt) for prompt in menu.heard]
            key = next(pressed, " ")
            heard += 1
            if key == "9":
                steps.append(Step("refused", "9"))
                heard -= 1
                continue
            if key == "*":
                steps.append(Step("key", "*"))
                heard -= 1
                continue
            if key == "0":
                target = plan.human
            elif key in menu.keys:
                target = menu.keys[key]
            elif menu.heard_in:
                target = Target("queue", menu.heard_in)
            else:
                invalid += key != " "
                if heard < menu.times and invalid < menu.invalid_limit:
                    continue
                target = menu.otherwise or plan.human
            if key != " ":
                steps.append(Step("key", key))
        if target.kind != "menu":
            return [*steps, Step("goes", str(target))]
        name, heard, invalid = target.name, 0, 0
        if len(steps) > 200:
            return [*steps, Step("goes", "nowhere")]
