"""The injection corpus through the line, its keys, and the API: nothing executed, everything kept and shown as text."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect
from yarl import URL

from ivr.domain.reconciliation import printable
from tests.e2e.hostile_line import HostileCaller, ledger, meant
from tests.e2e.hotline import RunningHotline
from tests.e2e.test_pages import browser_page
from tests.faults.conftest import FULL
from tests.faults.injection import CORPUS
from tests.faults.witness import rows

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

LINES = 8
COLUMNS = 16
SHOWN = range(0, len(CORPUS), 1 if FULL else 20)
BODY_LIMIT = 64 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(sturdy: RunningHotline) -> RunningHotline:
    """Nothing here may harm it."""
    return sturdy


@pytest.fixture(scope="module", autouse=True)
def untouched(product: RunningHotline) -> Iterator[Path]:
    """After all of it nothing was executed, and neither dialplan nor expressions have stumbled."""
    marker = product.folder / "marker"
    before = len(product.asterisk_log)
    yield marker
    assert not marker.exists()
    said = product.asterisk_log[before:].splitlines()
    stumbled = [line for line in said if re.search(r"(ERROR|WARNING).*(pbx|ast_expr|app_|func_|cel|cdr|config|manager)", line)]
    assert not stumbled, stumbled


@pytest.fixture(scope="module")
def corpus(untouched: Path) -> list[bytes]:
    return [text.replace(b"MARKER", str(untouched).encode()) for text in CORPUS]


async def all_called(product: RunningHotline, calls: list[tuple[bytes, bytes]]) -> list[int]:
    """Place every call, several at a time and in this order on each line; the final status of each (0: no answer)."""
    waiting = list(enumerate(calls))[::-1]
    statuses = [-1] * len(calls)

    async def line() -> None:
        async with HostileCaller(product.sip) as caller:
            while waiting:
                number, (name, sender) = waiting.pop()
                statuses[number] = (await caller.call(name, sender)).status

    async with asyncio.TaskGroup() as tasks:
        for _ in range(LINES):
            tasks.create_task(line())
    assert not [s for s in statuses if not (s in (0, 200) or 400 <= s < 500)], statuses
    return statuses


async def kept(
    product: RunningHotline, column: str, prefix: str, count: int, outcomes: Collection[str] = ("abandoned",)
) -> dict[str, dict[str, Any]]:
    """Wait until so many calls are over with one order each; by what stands in ``column``."""
    assert column in ("caller_number_raw", "caller_name_raw")
    async with asyncio.timeout(60):
        while True:
            found = await rows(
                product, "SELECT c.*, (SELECT count(*) FROM work_order_call w WHERE w.linked_id = c.linked_id) AS orders"
                f" FROM call c WHERE starts_with({column}, $1)", prefix,
            )
            if len(found) >= count and all(r["state"] == "ended" and r["orders"] for r in found):
                break
            await asyncio.sleep(0.2)
    assert len(found) == count and {r["orders"] for r in found} == {1}
    assert {r["outcome"] for r in found} <= set(outcomes)
    return {r[column]: dict(r) for r in found}


def told(product: RunningHotline) -> dict[str, list[list[str]]]:
    """The ledger's records by linked id, as any CSV reader sees them."""
    found: dict[str, list[list[str]]] = {}
    for record in ledger(product):
        assert len(record) == COLUMNS, record
        found.setdefault(record[4], []).append(record)
    return found


def quoted(text: bytes) -> bytes:
    """As a polite telephone writes it between quotes (RFC 3261 §25.1)."""
    return text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def check_ledger(product: RunningHotline, calls: dict[str, dict[str, Any]]) -> None:
    """Each call has its own records and no others; user events are those our dialplan raises."""
    raised = set(re.findall(r"CELGenUserEvent\((\w+)", (product.folder / "state/run/asterisk/etc/extensions.conf").read_text()))
    records = told(product)
    for call in calls.values():
        kinds = [r[1] for r in records[call["linked_id"]]]
        assert kinds.count("CHAN_START") == kinds.count("LINKEDID_END") == 1, (call, kinds)
        users = {r[0] for r in records[call["linked_id"]] if r[1] == "USER_DEFINED"}
        assert users <= raised, users
        [start] = [r for r in records[call["linked_id"]] if r[1] == "CHAN_START"]
        assert [start[7].replace("\0", "\ufffd"), start[8].replace("\0", "\ufffd")] == [call["caller_number_raw"], call["caller_name_raw"]]


async def test_every_name_is_kept_letter_by_letter(
    product: RunningHotline, corpus: list[bytes], api: aiohttp.ClientSession, record_property: Any
) -> None:
    statuses = await all_called(product, [(quoted(text), b"1376%07d" % n) for n, text in enumerate(corpus)])
    calls = await kept(product, "caller_number_raw", "1376", statuses.count(200))
    record_property("names", f"{len(corpus)}, taken {statuses.count(200)}")
    assert statuses.count(200) > 200
    check_ledger(product, calls)
    for n, text in enumerate(corpus):
        if statuses[n] != 200:
            assert re.search(rb"[\x00-\x1f\x7f]", text), (text, statuses[n])  # only what SIP forbids may be refused
            continue
        call = calls[f"1376{n:07}"]
        assert call["caller_name_raw"] == meant(quoted(text.partition(b"\0")[0])), text  # Asterisk's text ends there
        assert call["caller_number"] == f"1376{n:07}"
        shown = await answered(api, f"/calls/{call['linked_id']}")
        assert is_shown_as(shown["caller_name_raw"], call["caller_name_raw"]), text
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", shown["caller_name"])
        asked = call["caller_name_raw"][:100]
        if asked and "\0" not in asked:  # found by its own text, which is never a pattern or a piece of SQL
            found = await answered(api, str(URL("/calls").with_query(q=asked, limit="200")))
            assert call["linked_id"] in {c["linked_id"] for c in found["calls"]} or len(found["calls"]) == 200, text


async def test_every_number_is_digits_or_nothing(product: RunningHotline, corpus: list[bytes], record_property: Any) -> None:
    statuses = await all_called(product, [(b"number-%d" % n, quote_from_bytes(text, safe="").encode()) for n, text in enumerate(corpus)])
    calls = await kept(product, "caller_name_raw", "number-", statuses.count(200))
    record_property("numbers", f"{len(corpus)}, taken {statuses.count(200)}")
    assert statuses.count(200) > 200
    check_ledger(product, calls)
    for n, text in enumerate(corpus):
        if statuses[n] == 200:
            call = calls[f"number-{n}"]
            assert re.fullmatch(r"[0-9]{0,20}", call["caller_number"]), call
            if call["caller_number"]:
                assert call["caller_number"] in re.sub(rb"[-+ ().]", b"", text).decode("utf-8", "replace"), (text, call["caller_number"])


def is_shown_as(shown: str, stored: str) -> bool:
    """Letter by letter; only digits in a row as long as a card's number are covered, whoever looks."""
    covered = [n for n, char in enumerate(shown) if char == "*" and stored[n : n + 1] != "*"]
    return len(shown) == len(stored) and all(
        char == stored[n] or n in covered and stored[n].isdigit() for n, char in enumerate(shown)
    ) and (not covered or re.search(r"\d(?:[ -]?\d){11}", stored) is not None)


ODD_INFOS = [
    *((kind, b"Signal=%s\r\nDuration=100\r\n" % key) for key in (b"A", b"B", b"C", b"D", b"#", b"16", b"99", b"-1", b"")
      for kind in ("application/dtmf-relay", "application/dtmf")),
    ("application/dtmf-relay", b"Signal=${SHELL(touch MARKER)}\r\nDuration=100\r\n"),
    ("application/dtmf-relay", b"Signal"),
    ("application/dtmf-relay", b"\0" * 200), ("application/dtmf", b"$(touch MARKER)"), ("application/json", b"[" * 5000),
    ("text/plain", b"Action: Originate\r\n\r\n"), ("x" * 200 + "/y", b"x"),
]
ODD_EVENTS = [
    *(bytes([event, volume, 1, 64]) for event in (*range(11, 40), 255) for volume in (0, 0x8A)), b"", b"\x01", b"\x01" * 3, b"\xff" * 400,
]
REFUSES = ("application/dtmf-relay", b"Signal=9\r\nDuration=100\r\n")


def pressed(key: int) -> bytes:
    """The end of a key, RFC 4733 §2.3."""
    return bytes([key, 0x8A, 1, 64])


async def test_odd_keys_and_a_flood_of_them_choose_nothing(product: RunningHotline, untouched: Path) -> None:
    """A key that means nothing leads to the queue, as silence does; nobody is taken to have refused the recording."""
    odd = [(kind, body.replace(b"MARKER", str(untouched).encode())) for kind, body in ODD_INFOS]
    held = ("application/dtmf-relay", b"Signal=A\r\nDuration=99999999999999\r\n")
    attempts: list[tuple[list[tuple[str, bytes]], list[bytes], str]] = [
        (odd, [], "QUEUE_ENTERED"), (odd[:1] * 200, [], "QUEUE_ENTERED"), ([held], [], "NOTICE"),
        ([], ODD_EVENTS, "QUEUE_ENTERED"), ([], [pressed(n % 9) for n in range(400)], "QUEUE_ENTERED"),
        ([REFUSES], [], "RECORDING_REFUSED"), ([], [pressed(9)], "RECORDING_REFUSED"),  # the keys do reach the menu
    ]

    async def press(number: int, infos: list[tuple[str, bytes]], events: list[bytes], chosen: str) -> None:
        async def heard() -> None:
            async with asyncio.timeout(40):
                while not any(
                    record[0] == chosen for records in told(product).values() if records[0][7] == f"1377{number:07}"
                    for record in records
                ):
                    await asyncio.sleep(0.1)

        async with HostileCaller(product.sip) as caller:
            call = await caller.call(b"keys", b"1377%07d" % number, infos=infos, events=events, until=heard)
            assert call.status == 200

    async with asyncio.TaskGroup() as tasks:
        for number, (infos, events, chosen) in enumerate(attempts):
            tasks.create_task(press(number, infos, events, chosen), name=f"attempt {number}: {chosen}")
    calls = await kept(product, "caller_number_raw", "1377", len(attempts), ("abandoned", "callback"))
    # A flood of real keys that goes on in the queue may ask for a call-back there; nothing else does.
    assert {n for n, call in calls.items() if call["outcome"] == "callback"} <= {"13770000004"}
    check_ledger(product, calls)
    assert [calls[f"1377{n:07}"]["recording_refused"] for n in range(7)] == [False] * 5 + [True] * 2


@pytest_asyncio.fixture(loop_scope="session")
async def api(product: RunningHotline) -> AsyncIterator[aiohttp.ClientSession]:
    """A machine's client with a token."""
    headers = {"Authorization": f"Bearer {product.token}"}
    async with aiohttp.ClientSession(product.url, headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


async def answered(api: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with api.get(URL(f"/api/v1{path}", encoded=True)) as answer:
        assert answer.status == 200, (path, await answer.text())
        found: dict[str, Any] = await answer.json()
        return found


async def refused_or_answered(api: aiohttp.ClientSession, method: str, address: str, **more: Any) -> int:
    """The status: never a fault of the server, and every refusal a problem document that shows nothing of the inside."""
    try:
        async with api.request(method, URL(address, encoded=True), **more) as answer:
            text = await answer.text(errors="replace")
    except ValueError:
        return 0  # the client itself refuses to send such a header
    assert answer.status < 500 and "Traceback" not in text, (address, more, text)
    if answer.status >= 400 and answer.content_type != "text/plain":  # the parser's own refusal is one word
        assert json.loads(text)["status"] == answer.status, text
    return answer.status


async def test_every_field_of_the_api_takes_text_as_text(
    product: RunningHotline, corpus: list[bytes], api: aiohttp.ClientSession, record_property: Any
) -> None:
    statuses: dict[int, int] = {}

    async def send(method: str, address: str, **more: Any) -> None:
        status = await refused_or_answered(api, method, address, **more)
        statuses[status] = statuses.get(status, 0) + 1

    for n, text in enumerate(corpus):
        escaped = quote_from_bytes(text, safe="")
        await send("GET", f"/api/v1/calls?q={escaped}")
        await send("GET", f"/api/v1/work-orders?q={escaped}&state={escaped}&category={escaped}&channel={escaped}"[:4000])
        await send("GET", f"/api/v1/calls/{escaped}")
        await send("GET", f"/api/v1/calls/{escaped}/audio?track={escaped}")
        if n % 4 == 0 or FULL:
            for field in ("state", "outcome", "from", "to", "limit", "cursor", escaped):
                await send("GET", f"/api/v1/calls?{field}={escaped}")
            await send("GET", f"/api/v1/calls/{escaped}/peaks?points={escaped}")
            await send("GET", f"/api/v1/work-orders/{escaped}")
            await send("GET", f"/{escaped}")
            value = text.decode("latin-1")
            for header in ("Range", "If-None-Match", "Cookie", "Last-Event-ID", "Origin", "Accept", "X-Forwarded-For"):
                await send("GET", "/api/v1/calls?limit=1", headers={header: value})
            body = json.dumps({"ticket": text.decode("utf-8", "replace")}).encode()
            await send("POST", "/api/v1/session", data=body, headers={"Content-Type": "application/json"})
    record_property("requests by status", dict(sorted(statuses.items())))
    assert statuses[200] > 100 and statuses[400] > 100 and statuses[404] > 100


async def test_large_and_deep_bodies_are_refused(api: aiohttp.ClientSession) -> None:
    def login(size: int) -> bytes:
        frame = len(json.dumps({"name": "x", "password": ""}))
        return json.dumps({"name": "x", "password": "p" * (size - frame)}).encode()

    sent: list[tuple[bytes, set[int]]] = [
        (login(BODY_LIMIT), {400}), (login(BODY_LIMIT + 1), {413}), (login(4 << 20), {413}), (b"[" * 60_000, {400}),
        (b'{"name":' * 8_000, {400}), (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, {400}), (b"\xff\xfe", {400}), (b"", {400}), (b"null", {400}),
        (b'{"ticket": 1e999999}', {400}), (b'{"ticket": "\\ud800"}', {400, 401}), (b'{"ticket": "\\u0000"}', {400}), (b"9" * 60_000, {400}),
        (b'{"name": "x", "name": "y", "password": {"$ne": null}}', {400}), (b'{"__proto__": {"x": 1}, "ticket": "x"}', {400, 401}),
    ]
    for body, expected in sent:
        status = await refused_or_answered(api, "POST", "/api/v1/session", data=body, headers={"Content-Type": "application/json"})
        assert status in expected, (body[:60], len(body), status)
    for kind in ("text/html", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json; charset=utf-7"):
        status = await refused_or_answered(api, "POST", "/api/v1/session", data=b"{}", headers={"Content-Type": kind})
        assert status in (400, 415), (kind, status)
    assert await refused_or_answered(api, "GET", "/api/v1/calls?q=" + "x" * 64_000) in (400, 414)
    assert await refused_or_answered(api, "GET", "/api/v1/calls?" + "&".join(f"a{n}=1" for n in range(500))) == 400


async def test_pages_show_it_as_text(product: RunningHotline, corpus: list[bytes]) -> None:
    found = {
        r["caller_number_raw"]: r for r in await rows(
            product, "SELECT linked_id, caller_name_raw, caller_number_raw FROM call WHERE starts_with(caller_number_raw, '1376')")
    }
    seen = 0
    async with browser_page() as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await product.cli("user", "add", "injection-reader", "--role", "operator", "--display-name", "读者")
        await page.goto((await product.cli("user", "login-link", "injection-reader")).strip())
        await expect(page.get_by_test_id("nav-account")).to_be_visible(timeout=30_000)  # operators are shown numbers whole
        title = await page.title()
        for n in SHOWN:
            call = found.get(f"1376{n:07}")
            if call is None:
                continue
            await page.goto(f"{product.url}/calls/{call['linked_id']}")
            name = await answered_name(product, call["linked_id"])
            shown = page.locator("body")
            await expect(shown).to_contain_text(f"1376{n:07}", timeout=15_000)
            text = await shown.evaluate("node => node.textContent")
            assert squeezed(name) in squeezed(text), (name, printable(text[:2000]))
            seen += 1
        assert dialogs == [] and await page.locator("img[src=x], svg[onload], iframe, base, h1:text-is('x')").count() == 0
        assert title
    assert seen >= len(SHOWN) * 0.8


def squeezed(text: str) -> str:
    """Without white space, which a page may fold."""
    return re.sub(r"\s+", "", text)


async def answered_name(product: RunningHotline, linked_id: str) -> str:
    async with aiohttp.ClientSession(product.url, headers={"Authorization": f"Bearer {product.token}"}) as session:
        return str((await answered(session, f"/calls/{linked_id}"))["caller_name"])


async def test_no_log_holds_a_secret(product: RunningHotline) -> None:
    held = json.loads((product.folder / "state/credentials.json").read_text())
    secrets = [value for value in _texts(held) if len(value) >= 16] + [product.token]
    assert len(secrets) >= 5
    logs = [f for f in product.folder.rglob("*") if f.is_file() and re.search(r"\.(log|out|csv)(\.\d+)?$|queue_log|postgres.*log", f.name)]
    assert {"controller.log", "worker.log", "web.log", "messages.log", "run.out", "ledger.csv"} <= {f.name for f in logs}
    for file in logs:
        text = file.read_bytes()
        assert not [s[:4] for s in secrets if s.encode() in text], file
    for file in logs:
        if file.parent.name == "log" and file.name.startswith(("controller", "worker", "web")) and file.suffix == ".log":
            for line in file.read_text(encoding="utf-8").splitlines():
                assert json.loads(line).get("event") != "forged", line


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for held in value.values():
            yield from _texts(held)
    elif isinstance(value, str):
        yield value
