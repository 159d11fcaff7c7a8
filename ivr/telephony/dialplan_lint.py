"""Read a rendered dialplan as an attacker would, before it is loaded.

Refused: text a caller controls in an application or a file name, patterns that match numbers nobody listed, programs
started with anything but constants, contexts that can run off their end, jumps to nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What a caller, or a peer, decides. FILTER() makes it harmless, LEN() tells a number; nothing else is trusted to.
_CALLER_TEXT = re.compile(
    r"\$\{(?:CALLERID\(|CONNECTEDLINE\(|REDIRECTING\(|PJSIP_HEADER|PJSIP_HEADERS|CALLBACK_NUMBER|EXTEN\b|CHANNEL\(name\)|CHANNEL\(pjsip|SIP)",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"\$\{FILTER\([^,${}]*,\$\{[^{}]*\}\)\}|\$\{LEN\(\$\{[^{}]*\}\)\}")
_FORBIDDEN = {
    "system", "trysystem", "externalivr", "agi", "eagi", "deadagi", "exec", "execif", "tryexec", "audiosocket",
    "disa", "authenticate",
}
_FORBIDDEN_FUNCTIONS = re.compile(r"(?:\$\{|^)\s*(?:SHELL|FILE|CURL|ODBC|REALTIME|EVAL|DB|ENV)\b", re.IGNORECASE)
# What is known of a number is looked up by its digits alone: these readings of the database, and the two ways to each key.
_LOOK_UPS = {"NUISANCE_KEY": "${DB(nuisance/${NUISANCE_KEY})}", "LANGUAGE_KEY": "${DB(language/${LANGUAGE_KEY})}"}
_ENDS = {"hangup", "goto", "busy", "congestion", "return"}
# Run by a video room's menu, which takes the channel back at the end of the lines: an ending of their own would end its call.
_RUN_BY_MENU = {("room-keys", "s")}
# The one way to ask a process of ours: on this machine, a constant name, and values that a Set() before made harmless.
_QUESTION = re.compile(r"agi://127\.0\.0\.1:[0-9]{1,5}/[a-z][a-z-]{0,30}(?:,\$\{(?:KEYED|CALLER|TRUNK|TICKET)\}|,[a-z0-9][a-z0-9-]{0,30})*")
# The one way to hand a live leg to a process of ours: it is on this machine, knows the call by a random id, and may be gone.
_LIVE_LEG = re.compile(r"AudioSocket\(\$\{TICKET\},127\.0\.0\.1:[0-9]{1,5}\)")
_ID_NAME = re.compile(r"\$\{(?:RECORDINGS|RECORDING|PROMPTS)\}")


@dataclass(frozen=True, slots=True)
class Step:
    """One priority: the application it runs and its argument text."""

    line: int
    context: str
    extension: str
    label: str
    application: str
    arguments: str


def steps(text: str) -> Iterator[Step]:
    """The priorities of a dialplan in order; lines that are none are skipped."""
    context = extension = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if found := re.match(r"\[([^\]]+)\]", line):
            context, extension = found[1], ""
        elif found := re.match(r"(?:exten\s*=>\s*([^,]+),|same\s*=>\s*)(\w+)(?:\((\w+)\))?,(\w+)\((.*)\)$", line, re.IGNORECASE):
            extension = (found[1] or extension).strip()
            yield Step(number, context, extension, found[3] or "", found[4], found[5])


def lint(text: str) -> list[str]:
    """Complaints, empty when the dialplan is safe; each names the line and what to do."""
    found = list(steps(text))
    parsed = {s.line for s in found}
    complaints = [
        f"line {n}: not understood: {raw.strip()}" for n, raw in enumerate(text.splitlines(), 1)
        if re.match(r"\s*(exten|same|include|switch|ignorepat|#)", raw, re.IGNORECASE) and n not in parsed
    ]
    last: dict[tuple[str, str], Step] = {}
    labels: dict[tuple[str, str], set[str]] = {}
    for step in found:
        last[step.context, step.extension] = step
        labels.setdefault((step.context, step.extension), set()).add(step.label)
        complaints += [f"line {step.line}: {c}" for c in _complaints(step)]
    for step in last.values():
        if (step.context, step.extension) in _RUN_BY_MENU:
            if step.application.lower() != "noop":
                complaints.append(f"line {step.line}: [{step.context}] {step.extension} would end its call; let it end with NoOp()")
        elif step.application.lower() not in _ENDS:
            complaints.append(f"line {step.line}: [{step.context}] {step.extension} runs off its end; close it with Hangup()")
    complaints += _lost_jumps(found, labels)
    return complaints


def _complaints(step: Step) -> Iterator[str]:
    application, arguments = step.application.lower(), step.arguments
    if step.extension.startswith("_"):
        yield f"the pattern {step.extension} matches what nobody listed; name each number"
    if application in _FORBIDDEN and not (
        (application == "agi" and _QUESTION.fullmatch(arguments)) or (application == "tryexec" and _LIVE_LEG.fullmatch(arguments))
    ):
        yield f"{step.application} reaches the operating system or arbitrary applications; remove it"
    if "TICKET" in arguments.replace("${TICKET}", "") and (application, arguments) != ("set", "TICKET=${UUID()}"):
        yield "TICKET names a live leg; it may be set from UUID() only"
    known = arguments
    for key, look_up in _LOOK_UPS.items():
        ways = {f"{key}=${{FILTER(0-9,${{CALLERID(num)}})}}", f"{key}=${{{key}:-11}}"}
        if key in arguments.replace(f"${{{key}", "") and arguments not in ways:
            yield f"{key} is a key of Asterisk's database; it may be set from the caller's digits only"
        known = known.replace(look_up, "")
    if _FORBIDDEN_FUNCTIONS.search(known):
        yield "a function that reaches files, programs or databases; remove it"
    bare = _FILTERED.sub("", arguments)
    if _CALLER_TEXT.search(bare):
        yield "text the caller controls; pass it through FILTER() into a variable first"
    elif application != "set" and any(_CALLER_TEXT.search(f[0]) for f in _FILTERED.finditer(arguments)):
        yield "FILTER() or LEN() of it belongs in a Set() of its own, so that its result has a name"
    if application in {"mixmonitor", "record", "monitor"} and "${" in _ID_NAME.sub("", arguments):
        yield "a recording's name may hold ${RECORDINGS} and ${RECORDING} only"


def _lost_jumps(found: list[Step], labels: dict[tuple[str, str], set[str]]) -> Iterator[str]:
    for step in found:
        if step.application.lower() in ("goto", "gosub"):
            targets = [step.arguments]
        elif step.application.lower() == "gotoif":
            targets = [t for t in re.split(r"[?:]", step.arguments.rsplit("]", 1)[-1])[1:] if t]
        else:
            continue
        for target in targets:
            *place, label = (p.strip() for p in target.split(","))
            where = (*(step.context, step.extension)[: 2 - len(place)], *place)
            if len(place) > 2 or where not in labels or not label or not (label.isdigit() or label in labels[where]):
                yield f"line {step.line}: {step.application}({target}) in [{step.context}] {step.extension} leads nowhere"
