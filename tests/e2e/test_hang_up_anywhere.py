"""Callers hang up in the middle of every single prompt: each ends in a named outcome and exactly one order."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import PROMPTS
from ivr.telephony.prompts import read_manifest
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, command, filled_order, state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

Walk = Sequence[tuple[str, str]]
"""What is being heard (a prompt's name, or an application's where nothing is played), and the keys pressed then."""

QUEUE: Walk = [("greeting", "0"), ("Queue", "")]
WRONG_CHECK = "1261124000011"

WALKS: dict[str, Walk] = {
    "greeting": [],
    "notice": [],  # one Background plays both
    "not-recorded": [("greeting", "9")],
    "menu-lawyers": [*QUEUE, ("Queue", "*")],
    "message-intro": [*QUEUE, ("Queue", "#")],
    "message-thanks": [*QUEUE, ("Queue", "#"), ("WaitExten", "#")],
    "no-message": [("greeting", "9"), ("Queue", "#")],
    "callback-number": [*QUEUE, ("Queue", "7")],
    "digit-one": [*QUEUE, ("Queue", "7")],
    "callback-confirm": [*QUEUE, ("Queue", "7")],
    "callback-enter": [*QUEUE, ("Queue", "7"), ("callback-number", "2")],
    "callback-unfit": [*QUEUE, ("Queue", "7"), ("callback-number", "2"), ("callback-enter", "11#")],
    "callback-promised": [*QUEUE, ("Queue", "7"), ("callback-number", "1")],
    "enquiry-ask": [*QUEUE, ("Queue", "8")],
    "enquiry-human": [*QUEUE, ("Queue", "8"), ("enquiry-ask", "0")],
    "enquiry-last-four": [*QUEUE, ("Queue", "8"), ("enquiry-ask", "#")],
    "enquiry-check": [*QUEUE, ("Queue", "8"), ("enquiry-ask", WRONG_CHECK)],
    "enquiry-unknown": [*QUEUE, ("Queue", "8"), ("enquiry-ask", "#"), ("enquiry-last-four", "1234")],
    "lawyer-ask": [*QUEUE, ("Queue", "4")],
    "speciality-family": [*QUEUE, ("Queue", "4")],
    "lawyer-off": [*QUEUE, ("Queue", "4"), ("lawyer-ask", "8009#")],
    "appointment-offer": [*QUEUE, ("Queue", "5")],
    "appointment-chosen": [*QUEUE, ("Queue", "5"), ("appointment-offer", "1")],
    "appointment-confirm": [*QUEUE, ("Queue", "5"), ("appointment-offer", "1")],
    "appointment-booked": [*QUEUE, ("Queue", "5"), ("appointment-offer", "1"), ("appointment-confirm", "1")],
    "appointment-none": [*QUEUE, ("Queue", "6")],
}
BOOKED: Walk = WALKS["appointment-booked"]
AGAIN: dict[str, tuple[Walk, Walk]] = {
    "progress-received": ([], [*QUEUE, ("Queue", "8"), ("enquiry-ask", "#"), ("enquiry-last-four", "{own}")]),
    "enquiry-after": ([], [*QUEUE, ("Queue", "8"), ("enquiry-ask", "#"), ("enquiry-last-four", "{own}")]),
    "appointment-mine": (BOOKED, [*QUEUE, ("Queue", "5")]),
    "appointment-cancel": (BOOKED, [*QUEUE, ("Queue", "5")]),
    "appointment-cancelled": (BOOKED, [*QUEUE, ("Queue", "5"), ("appointment-cancel", "1")]),
}
"""Prompts of a second call from the same number: what the first one did, and the walk of the second."""
AFTER_TALK: dict[str, str] = {"rating": "", "rating-thanks": "1", "farewell": ""}
"""Prompts after the operator hung up, and the keys that lead there; silence twice leads to the farewell."""
LISTED = {"nuisance-listed"}
CLOSED_WALKS: dict[str, Walk] = {
    "closed": [],
    "emergency": [("closed", "1")],
    "emergency-duty": [("closed", "1"), ("emergency", "")],
    "queue-nobody": [("closed", "0")],
    "invalid-key": [("closed", ""), ("menu-main", "D")],
    "menu-main": [("closed", "")],
    "call-again": [("greeting", "9"), ("closed", "0")],
}
ELSEWHERE = {
    "operators are there (test_hang_up_while_talking)": {
        "callback-hello", "callback-hello-again", "callback-operator", "callback-operator-again", "transfer-whom", "transfer-unknown",
        "transferring", "transfer-failed", "transfer-back", "nuisance-warning-1", "nuisance-warning-2", "nuisance-ends",
        "recording-paused", "recording-goes-on", "duty-telephone", "all-busy", "queue-full", "queue-paused", "seat-lost", "seat-others",
    },
    "a supervisor takes a call over (test_supervision)": {"taken-over"},
    "somebody asks for the call (test_callback)": {"callback-hello-asked", "callback-operator-asked"},
    "a notice is spoken to a citizen (test_callback)": {"notice-hello", "notice-after"},
    "somebody waits for a language (test_languages)": {"language-any"},
    "said by the queue itself, brought about by others, and single words of an answer (test_hang_up_at_every_word)": {
        "lawyer-busy", "lawyer-left", "lawyer-none", "appointment-taken",
        "wait-expected", "wait-two", "wait-minutes", "wait-long", "queue-next", "queue-place", "queue-place-end",
        *(f"progress-{s}" for s in ("assigned", "accepted", "handled", "resolved", "callback", "closed", "returned", "voided")),
        "progress-owner", "progress-until", "progress-due", "month", "day",
    },
    "a menu that is spoken to (test_spoken_choice)": {
        "speak-now", "spoken-is-it", "spoken-confirm",
        *(f"topic-{t}" for t in (
            "consultation", "legal-aid", "mediation", "notary", "appraisal", "arbitration", "complaint", "progress", "message",
        )),
    },
    "the ladder of a village's phone, and the call-back when its line fails (test_village)": {
        "village-adviser", "village-any", "village-duty", "village-helper", "village-nobody", "village-not-there", "village-station",
        "village-no-picture", "village-no-picture-there", "callback-hello-line", "callback-operator-line",
    },
    "the lawyer asks for a picture (test_village_desk)": {"village-picture-ask"},
    "three sides in a video room (test_village_room)": {
        "room-joins", "room-opens", "room-welcome", "room-joins-filmed", "room-opens-filmed", "room-welcome-filmed", "village-helper-filmed",
    },
    "the same words in another menu": {"menu-waiting", "menu-queue"},
    "parts of sentences whose other parts are hung up in": {
        "press", "morning", "afternoon", "oclock", "minutes",
        *(f"speciality-{s}" for s in ("labour", "contract", "tort", "land", "debt", "inheritance", "criminal")),
    },
}
OPEN = """
[hotline]
menu = "lawyers"

[[seats]]
name = "three"
work_number = "8001"
"""
CLOSED = """
[hotline]
menu = "office"
queue = "empty"
emergency_duty = "night"

[[queues]]
name = "empty"
nobody = "message"

[[opening_hours]]
name = "never"

[[duty_numbers]]
name = "night"
number = "13800000014"
"""
CLOSED_PLAN = """name: office
start: first
human: {queue: default}
menus:
  first: {prompt: menu-main, hours: never, closed: {menu: main}, keys: {"1": {menu: main}}}
  main: {prompt: menu-main, keys: {"1": {queue: default}}}
"""


async def test_no_prompt_is_forgotten() -> None:
    named = [*WALKS, *AGAIN, *AFTER_TALK, *LISTED, *CLOSED_WALKS, *(p for group in ELSEWHERE.values() for p in group)]
    assert sorted(named) == sorted(read_manifest(PROMPTS).prompts), "say where it is heard, or walk there"


class Listener:
    """What every caller hears now, as Asterisk's console tells it: application and data by caller's number."""

    def __init__(self, running: RunningHotline) -> None:
        self._running = running
        self._news = asyncio.Condition()
        self.heard: dict[str, tuple[str, str]] = {}

    async def run(self) -> None:
        while True:
            lines = (await command(self._running, "core show channels concise")).splitlines()
            calls = [fields for line in lines if len(fields := line.split("!")) > 7]
            async with self._news:
                self.heard = {fields[7]: (fields[5], fields[6]) for fields in calls}
                self._news.notify_all()

    async def until(self, number: str, what: str) -> None:
        """Until a prompt of this name, or an application, has the caller."""
        wanted = re.compile(rf"/{re.escape(what)}(?![\w-])")
        async with asyncio.timeout(40), self._news:
            while True:
                application, data = self.heard.get(number, ("", ""))
                if application == what or wanted.search(data):
                    return
                await self._news.wait()


    async def left(self, number: str, what: str, within_s: float = 3) -> bool:
        """Whether an application lets the caller go within this time."""
        try:
            async with asyncio.timeout(within_s), self._news:
                while self.heard.get(number, ("", ""))[0] == what:
                    await self._news.wait()
                return True
        except TimeoutError:
            return False


async def walk(running: RunningHotline, listener: Listener, number: str, walked: Walk, prompt: str) -> None:
    """Go where this prompt is heard, and hang up while it is."""
    async with running.caller(number) as phone:
        await phone.dial("12348")
        await phone.wait_for("CALL_ESTABLISHED")
        for what, keys in walked:
            await listener.until(number, what)
            await phone.press(keys)
            while what == "Queue" and keys and not await listener.left(number, what):
                await phone.press(keys)  # Asterisk had not begun to listen when it was pressed
        await listener.until(number, prompt)
        await phone.hang_up()


async def walk_all(
    running: RunningHotline, client: HotlineClient, walks: dict[str, Walk], first_number: int, ends: Mapping[str, str] = MappingProxyType({}),
    calls: int = 1,
) -> dict[str, str]:
    """Every walk, six at a time; the outcome of each call, which has exactly one order.

    A walk ends at the prompt of its name, or at the one ``ends`` names; ``calls`` is how many calls of its number there are then.
    """
    numbers = {prompt: str(first_number + n) for n, prompt in enumerate(walks)}
    room = asyncio.Semaphore(6)

    async def go(prompt: str) -> None:
        async with room:
            try:
                await walk(running, listener, numbers[prompt], walks[prompt], ends.get(prompt, prompt))
            except TimeoutError as late:
                raise AssertionError(f"{prompt} is not heard; now {listener.heard.get(numbers[prompt])}") from late

    listener = Listener(running)
    listening = asyncio.create_task(listener.run())
    try:
        async with asyncio.TaskGroup() as tasks:
            for prompt in walks:
                tasks.create_task(go(prompt))
    finally:
        listening.cancel()
    outcomes = {}
    for prompt, number in numbers.items():
        call = await client.until(f"the end of {prompt}", lambda n=number: (
            max(found, key=lambda c: str(c["arrived_at"])) if len(found := [
                c for c in client.calls.values() if c["caller_number"] == n and c["state"] == "ended"
            ]) == calls else None))
        order = await filled_order(client, call["linked_id"])
        assert order["calls"] == [call["linked_id"]] and order["outcome"] == call["outcome"]
        outcomes[prompt] = call["outcome"]
    # A promised call-back meets a line with nobody at its far end: told as an error, and the citizen is tried again.
    log = "\n".join(line for line in running.asterisk_log.splitlines() if "trunk-carrier" not in line)
    assert "ERROR" not in log and "pbx" not in log
    return outcomes


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened() -> AsyncIterator[RunningHotline]:
    """Everything a menu can offer: lawyers by name, appointments, call-backs, enquiries, messages."""
    async with running_hotline(OPEN) as running:
        now = datetime.now(SHANGHAI)
        start, end = (f"{now + timedelta(hours=h):%Y-%m-%d %H:%M}" for h in (-1, 6))
        duty, slots = running.folder / "duty.csv", running.folder / "slots.csv"
        duty.write_text(f"work_number,name,speciality,from,to\n8001,赵律师,婚姻家庭,{start},{end}\n")
        day = now + timedelta(days=3)
        slots.write_text(f"service,from,to,places\n法律援助,{day:%Y-%m-%d} 09:30,{day:%Y-%m-%d} 10:30,50\n")
        await running.cli("roster", "import", str(duty))
        await running.cli("slots", "import", str(slots))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed() -> AsyncIterator[RunningHotline]:
    """Never open, and nobody signed in."""
    plans = Path(tempfile.mkdtemp(prefix="ivr-menus-", dir="/var/tmp"))
    plans.chmod(0o755)
    (plans / "office.yaml").write_text(CLOSED_PLAN)
    try:
        async with running_hotline(CLOSED, environment={"IVR_MENUS_DIR": str(plans)}) as running:
            yield running
    finally:
        shutil.rmtree(plans)


async def test_every_prompt_of_an_open_hotline(opened: RunningHotline) -> None:
    async with opened.client() as client:
        outcomes = await walk_all(opened, client, WALKS, 13896_500_001)
    special = {"message-thanks": "message", "callback-promised": "callback", "appointment-booked": "self_service"}
    assert {p: o for p, o in outcomes.items() if p in special} == special
    rest = {o for p, o in outcomes.items() if p not in special}
    assert rest <= {"abandoned", "self_service"}, outcomes


async def test_every_prompt_of_a_second_call(opened: RunningHotline) -> None:
    async with opened.client() as client:
        first = {f"before {p}": before for p, (before, _) in AGAIN.items()}
        ends = {f"before {p}": "appointment-booked" if before else "greeting" for p, (before, _) in AGAIN.items()}
        await walk_all(opened, client, first, 13896_500_201, ends)
        own = {c["caller_number"]: c["linked_id"] for c in client.calls.values()}
        second: dict[str, Walk] = {}
        for n, (prompt, (_, walked)) in enumerate(AGAIN.items()):
            order = await filled_order(client, own[str(13896_500_201 + n)])
            second[prompt] = [(what, keys.replace("{own}", order["number"][-4:])) for what, keys in walked]
        outcomes = await walk_all(opened, client, second, 13896_500_201, calls=2)
    assert set(outcomes.values()) <= {"self_service", "abandoned"}, outcomes


async def test_every_prompt_after_the_operator_hung_up(opened: RunningHotline) -> None:
    async with opened.client() as client, opened.operator(answers_itself=True) as operator:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        listener = Listener(opened)
        listening = asyncio.create_task(listener.run())
        try:
            for n, (prompt, keys) in enumerate(AFTER_TALK.items()):
                number = str(13896_500_301 + n)
                async with opened.caller(number) as phone:
                    await phone.dial("12348")
                    await phone.wait_for("CALL_ESTABLISHED")
                    await listener.until(number, "greeting")
                    await phone.press("0")
                    linked_id = await arrival(client, number)
                    await state(client, linked_id, "talking")
                    await operator.hang_up()
                    await listener.until(number, "rating")
                    await phone.press(keys)
                    await listener.until(number, prompt)
                    await phone.hang_up()
                    order = await filled_order(client, linked_id)
                    assert (order["calls"], order["outcome"]) == ([linked_id], "answered")
        finally:
            listening.cancel()


async def test_the_prompt_of_a_listed_number(opened: RunningHotline) -> None:
    number = "13896500401"
    await opened.cli("nuisance", "add", number, "--reason", "反复辱骂", "--owner", "王主任", "--days", "1")
    async with opened.client() as client:
        async with asyncio.timeout(20):
            while number not in await command(opened, "database show nuisance"):
                await asyncio.sleep(0.2)
        outcomes = await walk_all(opened, client, {"nuisance-listed": []}, int(number))
    assert outcomes == {"nuisance-listed": "self_service"}


async def test_every_prompt_of_a_closed_hotline(closed: RunningHotline) -> None:
    async with closed.client() as client:
        outcomes = await walk_all(closed, client, CLOSED_WALKS, 13896_500_101)
    assert set(outcomes.values()) <= {"abandoned", "failed"}, outcomes
