"""Lines to the telephone network, with a second Asterisk as the carrier; the lines are those of docs/how-to/trunks.md."""

from __future__ import annotations

import asyncio
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.exchange_setup import certificate, credentials, database_url
from ivr.ports.callbacks import CitizenCall, OutgoingLine
from ivr.telephony.ami import AmiClient
from ivr.telephony.exchange import AsteriskExchange
from ivr.telephony.speaking import Voice, speak, write_wav
from tests.e2e.carrier import BY_ADDRESS, ENCRYPTED, HOSTS, REGISTERED, SECRET, Carrier
from tests.e2e.guide import examples, toml
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.fakes.free_ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

TRUNKS = {REGISTERED: "telecom", BY_ADDRESS: "unicom", ENCRYPTED: "mobile"}
CAP = 2


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[RunningHotline, Carrier]]:
    """The product on the guide's three lines, at the carrier's test addresses, and the carrier."""
    sip_tls, port, tls_port = free_ports(3)
    registered, by_address, encrypted = examples("trunks.md")
    [line] = registered["trunks"]
    line |= {"host": HOSTS[REGISTERED], "port": port}
    [line] = by_address["trunks"]
    line |= {"host": HOSTS[BY_ADDRESS], "port": port, "match": [f"{HOSTS[BY_ADDRESS]}/32"], "channel_cap": CAP}
    [line] = encrypted["trunks"]
    line |= {"host": HOSTS[ENCRYPTED], "port": tls_port}
    # Folders first: each side must know the other's authority before it starts.
    hotline = RunningHotline()
    secret = hotline.folder / "telecom.secret"
    secret.write_text(f"{SECRET}\n")
    registered["trunks"][0]["secret_file"] = str(secret)
    authority = hotline.folder / "carrier/tls/ca.crt"
    text = hotline.file.read_text()
    text = text.replace("[asterisk]\n", f'[asterisk]\nsip_tls_port = {sip_tls}\nsip_tls_ca = "{authority}"\n')
    text = text.replace("[web]\n", '[web]\ntls = "local_ca"\n')
    lines = [trunk for part in (registered, by_address, encrypted) for trunk in part["trunks"]]
    duty = [{"name": "night", "number": "13895119999"}]
    hotline.file.write_text(text + toml({"trunks": lines, "duty_numbers": duty}))
    hotline.url = hotline.url.replace("http:", "https:")
    sound = hotline.folder / "caller.wav"
    write_wav(sound, await asyncio.to_thread(speak, "我想咨询一下劳动争议", Voice("cmn-latn-pinyin+m3")))
    carrier = Carrier(
        hotline.folder / "carrier", port=port, tls_port=tls_port, customer=f"127.0.0.1:{hotline.sip}",
        customer_tls=f"127.0.0.1:{sip_tls}", their_ca=hotline.folder / "state/tls/ca.crt", sound=sound,
    )
    await asyncio.to_thread(certificate, hotline.settings)
    try:
        async with carrier:
            await hotline.start()
            yield hotline, carrier
            left = await hotline.stop()
        assert [line for line in left if str(carrier.run) not in line] == []
    finally:
        await hotline.stop()
        hotline.remove()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network() -> AsyncIterator[tuple[RunningHotline, Carrier]]:
    """Product and carrier for all tests of this file."""
    async with connected() as pair:
        yield pair


@pytest.fixture
def hotline(network: tuple[RunningHotline, Carrier]) -> RunningHotline:
    """The product."""
    return network[0]


@pytest.fixture
def carrier(network: tuple[RunningHotline, Carrier]) -> Carrier:
    """The carrier."""
    return network[1]


@pytest_asyncio.fixture(loop_scope="module")
async def client(hotline: RunningHotline) -> AsyncIterator[HotlineClient]:
    """API and live stream over TLS."""
    async with hotline.client() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def controller(hotline: RunningHotline) -> AsyncIterator[AmiClient]:
    """AMI with the controller's own rights."""
    ami = AmiClient("127.0.0.1", hotline.ami, "controller", credentials(hotline.settings).ami_controller)
    running = asyncio.create_task(ami.run())
    async with asyncio.timeout(10):
        while not ami.connected:
            await asyncio.sleep(0.02)
    yield ami
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def stored(hotline: RunningHotline, linked_id: str) -> dict[str, str]:
    """What is kept of a call and not shown."""
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        row = await connection.fetchrow("SELECT trunk, caller_number_raw FROM call WHERE linked_id = $1", linked_id)
    finally:
        await connection.close()
    assert row is not None
    return dict(row)


def loudness(path: Path) -> float:
    """Root mean square of a recording, in full scale."""
    with wave.open(str(path)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    return float(np.sqrt(np.mean((samples / 32768.0) ** 2))) if samples.size else 0.0


@pytest.mark.parametrize(("line", "delivered", "number"), [
    (REGISTERED, "+8613895110031", "13895110031"),
    (BY_ADDRESS, "008613895110032", "13895110032"),
    (ENCRYPTED, "13895110033", "13895110033"),
    (BY_ADDRESS, "anonymous", ""),
])
async def test_a_call_comes_in_and_becomes_an_order(
    hotline: RunningHotline, carrier: Carrier, client: HotlineClient, controller: AmiClient, line: str, delivered: str, number: str
) -> None:
    known = set(client.calls)
    async with hotline.operator() as operator:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        if line == REGISTERED:
            await carrier.contact()
        placed = await carrier.place(line, delivered)
        call = await client.until("a new call", lambda: next((c for i, c in client.calls.items() if i not in known), None))
        linked_id = call["linked_id"]
        assert call["caller_number"] == number
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        said, seconds = hotline.speech("请问您的姓名", "cmn-latn-pinyin+f2")
        await operator.say(said)
        secure = await controller.request("Getvar", Channel=linked_id, Variable="CHANNEL(rtp,secure)")
        assert secure[0]["value"] == ("1" if line == ENCRYPTED else "0")
        await asyncio.sleep(max(seconds, 4.0) + 0.5)
        await carrier.hang_up_all()
        order = await filled_order(client, linked_id)
    call = await client.get(f"/calls/{linked_id}")
    assert (call["outcome"], call["order"]) == ("answered", order["number"])
    assert await stored(hotline, linked_id) == {"trunk": TRUNKS[line], "caller_number_raw": delivered}
    assert order["caller_number"] == number
    tracks = sorted(hotline.recordings.rglob(f"{linked_id}-*.wav"))
    assert [t.stem.rpartition("-")[2] for t in tracks] == ["caller", "operator"]
    assert all(loudness(t) > 0.02 for t in tracks), [loudness(t) for t in tracks]
    spoken = {s: "".join(g["text"] for g in call["transcript"]["segments"] if g["speaker"] == s) for s in ("caller", "operator")}
    assert "劳动争议" in spoken["caller"] and spoken["operator"] == "请问您的姓名"
    assert placed.tag


@pytest.mark.parametrize("line", [REGISTERED, BY_ADDRESS, ENCRYPTED])
async def test_a_number_that_is_not_ours_is_refused(carrier: Carrier, client: HotlineClient, line: str) -> None:
    for called in ("110", "13800000000", "0013800000000", "seat-one", "s", "night"):
        placed = await carrier.place(line, "13895110034", called)
        told = await carrier.told(rf"PLACED {placed.tag} (\w+) cause (\d+)")
        assert (told[1], told[2]) in {("CHANUNAVAIL", "1"), ("CONGESTION", "1"), ("CHANUNAVAIL", "3")}, told[0]
    assert not [c for c in client.calls.values() if c["caller_number"] == "13895110034"]


async def test_an_unencrypted_call_is_refused_on_the_encrypted_line(hotline: RunningHotline, carrier: Carrier) -> None:
    before = (carrier.run / "etc/pjsip.conf").read_text()
    (carrier.run / "etc/pjsip.conf").write_text(before.replace("media_encryption = sdes", "media_encryption = no", 1))
    try:
        await carrier.console("module reload res_pjsip.so")
        placed = await carrier.place(ENCRYPTED, "13895110035")
        await carrier.told(rf"PLACED {placed.tag} (CHANUNAVAIL|CONGESTION)")
    finally:
        (carrier.run / "etc/pjsip.conf").write_text(before)
        await carrier.console("module reload res_pjsip.so")


async def test_one_call_more_than_rented_overflows_with_its_order(
    hotline: RunningHotline, carrier: Carrier, client: HotlineClient
) -> None:
    numbers = [f"1389511004{n}" for n in range(CAP)]
    for number in numbers:
        await carrier.place(BY_ADDRESS, number)
    ids = [await arrival(client, number) for number in numbers]
    for linked_id in ids:
        await state(client, linked_id, "queued")
    placed = await carrier.place(BY_ADDRESS, "13895110049")
    await carrier.told(rf"PLACED {placed.tag} CONGESTION cause 34")
    refused = await client.until("the refused call", lambda: next(
        (c for c in client.calls.values() if c["caller_number"] == "13895110049" and c["state"] == "ended"), None))
    assert refused["outcome"] == "overflow"
    await filled_order(client, refused["linked_id"])
    # Another line has room of its own.
    await carrier.place(ENCRYPTED, "13895110048")
    other = await arrival(client, "13895110048")
    await carrier.hang_up_all()
    for linked_id in (*ids, other):
        await filled_order(client, linked_id)
        assert (await client.get(f"/calls/{linked_id}"))["outcome"] == "abandoned"
    orders = [o for o in client.orders.values() if set(o["calls"]) & {*ids, other, refused["linked_id"]}]
    assert len(orders) == CAP + 2 and all(len(o["calls"]) == 1 for o in orders)
    # Room again as soon as one has gone.
    await carrier.place(BY_ADDRESS, "13895110047")
    again = await arrival(client, "13895110047")
    await carrier.hang_up_all()
    await filled_order(client, again)


def call_back(line: str, number: str, attempt: int) -> CitizenCall:
    """A call-back by one of the lines, as the controller has it dialled."""
    ours = OutgoingLine(TRUNKS[line], "12348", CAP)
    return CitizenCall(f"e2e-cb-{int(time.time())}.9{attempt:03}", "kept_place", number, "hotline", ours, time.time(), 15)


@pytest.mark.parametrize(("line", "shown"), [(REGISTERED, "09512048000"), (BY_ADDRESS, "12348"), (ENCRYPTED, "12348")])
async def test_a_call_back_reaches_the_number_with_ours_shown(
    carrier: Carrier, controller: AmiClient, line: str, shown: str
) -> None:
    attempt = list(TRUNKS).index(line)
    await AsteriskExchange(controller).call(call_back(line, number := f"1389511005{attempt}", attempt))
    told = await carrier.told(rf"RECEIVED {number} FROM (\S+) ON (\S+) SECURE (\d)")
    assert told[1] == shown and told[2].startswith(HOSTS[line]), told[0]
    assert told[3] == ("1" if line == ENCRYPTED else "0")
    await carrier.hang_up_all()


async def test_a_call_back_counts_for_its_lines_cap_and_has_its_id_once(
    hotline: RunningHotline, carrier: Carrier, client: HotlineClient, controller: AmiClient
) -> None:
    exchange, call = AsteriskExchange(controller), call_back(BY_ADDRESS, "13895110055", 5)
    async with asyncio.timeout(15):
        while await exchange.room(call.line) < CAP:  # calls of the test before are still ending
            await asyncio.sleep(0.1)
    assert not await exchange.is_live(call.linked_id)
    await exchange.call(call)
    await carrier.told("RECEIVED 13895110055 ")
    assert await exchange.is_live(call.linked_id) and await exchange.room(call.line) == CAP - 1
    await exchange.call(call)  # Asterisk takes the order and finds the id in use
    await carrier.place(BY_ADDRESS, "13895110056")
    await arrival(client, "13895110056")
    assert await exchange.room(call.line) == CAP - 2
    placed = await carrier.place(BY_ADDRESS, "13895110057")
    await carrier.told(rf"PLACED {placed.tag} CONGESTION cause 34")
    assert carrier.log.count("RECEIVED 13895110055 ") == 1
    await carrier.hang_up_all()
    for number, outcome in (("13895110056", "abandoned"), ("13895110057", "overflow")):
        ended = await client.until(f"the end of {number}", lambda n=number: next(
            (c for c in client.calls.values() if c["caller_number"] == n and c["state"] == "ended"), None))
        assert ended["outcome"] == outcome
        await filled_order(client, ended["linked_id"])


HOSTILE_NUMBERS = (
    "0013800000000", "00", "1", "12", "1234567890123", "9" * 300, "abc", "138abc", "+8613800000000", "138 0000 0000",
    "13800000000&PJSIP/999@trunk-unicom", "&PJSIP/13800000000@trunk-unicom", "13800000000@trunk-unicom", "138|139", "138;139",
    "13800000000)", "${SHELL(touch MARKER)}", "$(touch MARKER)", "`touch MARKER`", "${CALLERID(num)}", "1\" | \"1\" = \"1",
    "１３８００００００００", "138-0000-0000", "#31#13800000000", "*", "", "sip:13800000000@example.org", "../13800000000",
)


async def test_no_other_number_is_ever_dialled(hotline: RunningHotline, carrier: Carrier, controller: AmiClient) -> None:
    marker = hotline.folder / "marker"
    before, log = carrier.log.count("RECEIVED"), hotline.asterisk_log
    exchange = AsteriskExchange(controller)
    for attempt, number in enumerate((*HOSTILE_NUMBERS, "138\r\nAction: Originate", "138\nVariable: CALLBACK_NUMBER=999", "138\0", "110", "120")):
        call = call_back(BY_ADDRESS, number.replace("MARKER", str(marker)), 100 + attempt)
        with pytest.raises(ValueError, match="may be called back"):
            await exchange.call(call)
        assert not await exchange.is_live(call.linked_id)
    assert carrier.log.count("RECEIVED") == before, carrier.log[-2000:]
    assert not marker.exists()
    assert not [line for line in hotline.asterisk_log[len(log) :].splitlines() if "ast_expr" in line or "ERROR" in line]


async def test_a_seat_reaches_no_line(hotline: RunningHotline, carrier: Carrier, client: HotlineClient) -> None:
    before = carrier.log.count("RECEIVED")
    async with hotline.operator("two") as operator:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        for number in ("13800000000", "s", "night", "callback-hotline", "trunk-unicom", "13800000000@trunk-unicom"):
            await operator.dial(number)
            await operator.wait_for(lambda e, n=number: e.get("type") == "CALL_CLOSED" and n.split("@")[0] in e.get("peeruri", ""))
    assert carrier.log.count("RECEIVED") == before
