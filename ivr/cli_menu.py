"""`ivr menu` and `ivr dialplan`: look at what callers meet before they do."""

from __future__ import annotations

import difflib
import json
import re
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ivr import exchange_setup
from ivr.cli_terminal import out, plain_errors
from ivr.domain.errors import BadSetting
from ivr.domain.menu import MenuPlan, Step, walk
from ivr.domain.spoken_choice import Said, decide, grammar, listened_for, spoken_menus
from ivr.menu_chart import PLACES, mermaid
from ivr.settings import PROJECT_ROOT, Settings, load_settings
from ivr.speech.phrase_recognizer import vocabulary
from ivr.telephony.dialplan import render
from ivr.telephony.menu_files import load_plan, open_plan, plan_files

menu_app = typer.Typer(no_args_is_help=True, help="Menus callers meet: list, check, draw and walk them.")
dialplan_app = typer.Typer(no_args_is_help=True, help="The rendered configuration of Asterisk.")

Name = Annotated[str, typer.Argument(help="The menu plan; default: the one in force.")]
_SECRET = re.compile(r"^(\s*(?:password|secret)\s*=>?\s*).+$", re.MULTILINE)


@menu_app.command("list")
def list_plans() -> None:
    """Every menu plan, and which one is in force."""
    with plain_errors():
        settings = load_settings()
        folders, queue, known = exchange_setup.menu_sources(settings)
        table = Table("plan", "title", "", "file")
        for name, file in plan_files(folders).items():
            plan, complaints = open_plan(name, folders, queue, known)
            state = "[red]✗[/red]" if complaints else "[green]✓[/green]"
            table.add_row(name, plan.title, f"{state} 使用中" if name == settings.hotline.menu else state, str(file))
    out.print(table)


@menu_app.command()
def check(name: Name = "") -> None:
    """Find missing prompts, unreachable menus, circles and dead ends; status 1 when there are any."""
    with plain_errors():
        settings = load_settings()
        wanted = name or settings.hotline.menu
        plan, complaints = open_plan(wanted, *exchange_setup.menu_sources(settings))
    for complaint in complaints:
        out.print(Text(f"✗ {complaint}", style="red"), soft_wrap=True)
    if complaints:
        raise typer.Exit(1)
    model = exchange_setup.choose_model(settings)
    for menu in spoken_menus(plan).values():
        known = vocabulary(model.path)
        lost = grammar(listened_for(menu, confirming=True), known)[1] if known else []
        if lost:
            words = f"! 菜单 {menu.name}：语音模型 {model.name} 不认识 {'、'.join(lost)}，说了也听不懂"
            out.print(Text(words, style="yellow"), soft_wrap=True)
    out.print(f"[green]✓[/green] {wanted} {plan.title}：{len(plan.menus)} 个菜单，没有问题")


@menu_app.command()
def show(name: Name = "") -> None:
    """Draw the plan as a Mermaid flow chart."""
    with plain_errors():
        settings = load_settings()
        plan = load_plan(name or settings.hotline.menu, *exchange_setup.menu_sources(settings))
        texts = exchange_setup.manifest(settings).prompts
    print(mermaid(plan, texts), end="")


@menu_app.command("try")
def walk_through(
    name: Name = "",
    keys: Annotated[str | None, typer.Option(help="Keys instead of questions; a space is silence.")] = None,
    say: Annotated[str, typer.Option(help="What the caller says in the first menu, before any key.")] = "",
    closed: Annotated[bool, typer.Option(help="Outside opening hours.")] = False,
) -> None:
    """Walk the plan in the terminal: what is heard, a key (or nothing, for silence), where the call goes."""
    with plain_errors():
        settings = load_settings()
        plan = load_plan(name or settings.hotline.menu, *exchange_setup.menu_sources(settings))
        texts = exchange_setup.manifest(settings).prompts
    out.print(f"[dim]问候和录音告知[/dim]  {texts['greeting']}{texts['notice']}")
    pressed = keys or ""
    told = 0
    if say:
        with plain_errors():
            pressed = _key_meant(plan, plan.start, say, texts) + pressed
    while True:
        steps = walk(plan, pressed, open_now=not closed)
        # A walk takes keys that were not pressed for silence: only what rests on pressed keys is shown.
        rests_on = steps if keys is not None else _resting_on(steps, len(pressed))
        for step in rests_on[told:]:
            out.print(_in_words(step, texts))
        told = len(rests_on)
        if rests_on and rests_on[-1].kind == "goes":
            return
        answer = typer.prompt("按键", default="", show_default=False).strip()
        heard = [step.text for step in rests_on if step.kind == "heard"][-1:]
        here = next((menu.name for menu in plan.menus.values() if [menu.prompt] == heard), plan.start)
        with plain_errors():
            pressed += _key_meant(plan, here, answer, texts) if len(answer) > 1 else answer or " "


def _key_meant(plan: MenuPlan, menu: str, text: str, texts: dict[str, str]) -> str:
    """The key a caller means who says this in a menu, as if every word were heard well; what is not understood is key 0."""
    listening = spoken_menus(plan).get(menu)
    if listening is None:
        raise BadSetting(f"the menu {menu} of {plan.name} does not hear speech; press one key, or give it spoken: true")
    verdict = decide([Said(c, 1.0) for c in text], listening, confirming=False, sure=1.0, doubtful=1.0)
    out.print(Text(f"说了 {text}", style="dim"))
    if verdict.kind == "emergency":
        out.print(Text(f"→ {PLACES['emergency']}", style="green"))
        raise typer.Exit
    if verdict.kind == "unsure":
        topic = texts[plan.menus[menu].keys[verdict.key].named]
        out.print(Text("反问  ", style="bold") + Text(f"{texts['spoken-is-it']}{topic}{texts['spoken-confirm']}"))
    return verdict.key or "0"


def _resting_on(steps: list[Step], keys: int) -> list[Step]:
    """The steps up to the prompt at which the next key is awaited."""
    prompts = 0
    for place, step in enumerate(steps):
        prompts += step.kind == "heard"
        if prompts > keys:
            return steps[: place + 1]
    return steps


def _in_words(step: Step, texts: dict[str, str]) -> Text:
    match step.kind:
        case "heard":
            return Text("听到  ", style="bold") + Text(texts.get(step.text, step.text))
        case "refused":
            return Text("不录音  ", style="yellow") + Text(texts.get("not-recorded", ""))
        case "key":
            return Text(f"按了 {step.text}", style="dim")
    kind, _, name = step.text.partition(":")
    return Text(f"→ {PLACES[kind]} {name}", style="green")


@dialplan_app.command()
def diff() -> None:
    """What the settings would change in Asterisk's files, secrets hidden; nothing is written. Status 1 when something would."""
    with plain_errors():
        settings = load_settings()
        changes = list(_changes(settings))
    for line in changes:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "default")
        out.print(Text(line, style=style), soft_wrap=True)
    if changes:
        raise typer.Exit(1)
    out.print("[green]✓[/green] 与正在使用的配置相同")


def _changes(settings: Settings) -> list[str]:
    counter = settings.state_dir / "asterisk-boots.json"
    boot = int(json.loads(counter.read_text())["boots"]) if counter.exists() else 0
    plan = exchange_setup.plan_exchange(settings, boot)
    lines: list[str] = []
    for name, text in sorted(render(plan, PROJECT_ROOT / "dialplans/templates").items()):
        file = plan.run / "etc" / name
        before = file.read_text() if file.exists() else ""
        old, new = (_SECRET.sub(r"\1…", side).splitlines() for side in (before, text))
        lines += difflib.unified_diff(old, new, f"{name} (在用)", f"{name} (将用)", lineterm="", n=1)
        if before != text and old == new:
            lines.append(f"@ {name}: only secrets differ")
    return lines
