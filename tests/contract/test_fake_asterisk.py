"""The fake Asterisk is believed because these checks pass on it and on the real one, with three unrelated clients."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asterisk.ami import AMIClient, SimpleAction
from panoramisk import Manager

from ivr.domain.errors import Unavailable
from ivr.domain.events import ExchangeSnapshot, MemberChanged
from ivr.exchange_setup import credentials, prepare_exchange
from ivr.settings import Settings
from ivr.telephony.ami import AmiClient, AmiRefused
from ivr.telephony.ami_framing import Frame, FrameReader
from ivr.telephony.embedded import EmbeddedAsterisk
from ivr.telephony.probe import may_run_commands, probe
from tests.fakes.asterisk import USERS, FakeAsterisk
from tests.fakes.free_ports import free_ports

pytestmark = pytest.mark.asyncio(loop_scope="module")
WITHIN_S = 10


@dataclass(frozen=True)
class Exchange:
    """One Asterisk to talk to."""

    port: int
    controller: str
    probe: str


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "real"])
async def exchange(request: pytest.FixtureRequest) -> AsyncIterator[Exchange]:
    if request.param == "fake":
        async with FakeAsterisk() as fake:
            yield Exchange(fake.port, USERS["controller"], USERS["probe"])
        return
    folder = Path(tempfile.mkdtemp(prefix="ivr-contract-", dir="/var/tmp"))
    folder.chmod(0o755)
    sip, ami = free_ports(2)
    settings = Settings(
        state_dir=folder / "state", recordings_dir=folder / "recordings",
        asterisk={"name": "contract", "sip_port": sip, "ami_port": ami, "rtp_first": 28000, "rtp_last": 28099},
        seats=[{"name": "one", "operator": "王律师", "queues": ["hotline"]}],
    )
    try:
        plan = await asyncio.to_thread(prepare_exchange, settings)
        asterisk = EmbeddedAsterisk(plan.root, plan.run)
        await asterisk.start()
        try:
            held = credentials(settings)
            yield Exchange(ami, held.ami_controller, held.ami_probe)
        finally:
            await asterisk.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Wire:
    """A bare socket: what is sent is sent, what comes back is read as frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.frames = FrameReader()

    async def ask(self, name: str, **headers: str) -> list[Frame]:
        """The frames that answer an action."""
        lines = [f"Action: {name}", f"ActionID: id-{name}", *(f"{k}: {v}" for k, v in headers.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        found: list[Frame] = []
        async with asyncio.timeout(WITHIN_S):
            while True:
                data = await self._reader.read(65536)
                found += [f for f in self.frames.feed(data) if f.get("actionid") == f"id-{name}"]
                if not data or (found and (found[0].get("eventlist") != "start" or found[-1].get("eventlist") == "Complete")):
                    return found

    async def closed(self) -> bool:
        """Whether the peer ends the connection in time."""
        async with asyncio.timeout(WITHIN_S):
            while await self._reader.read(65536):
                pass
        return True

    def close(self) -> None:
        self._writer.close()


async def _wire(exchange: Exchange, secret: str = "") -> tuple[Wire, list[Frame]]:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", exchange.port))
    return wire, await wire.ask("Login", Username="controller", Secret=secret or exchange.controller)


async def test_greets_and_accepts_the_right_secret(exchange: Exchange) -> None:
    wire, answer = await _wire(exchange)
    assert wire.frames.version == "11.0.0"
    assert [(f["response"], f["message"]) for f in answer] == [("Success", "Authentication accepted")]
    wire.close()


async def test_refuses_a_wrong_secret_and_hangs_up(exchange: Exchange) -> None:
    wire, answer = await _wire(exchange, "wrong")
    assert [(f["response"], f["message"]) for f in answer] == [("Error", "Authentication failed")]
    assert await wire.closed()
    wire.close()


async def test_nothing_is_answered_before_login(exchange: Exchange) -> None:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", exchange.port))
    assert [f["response"] for f in await wire.ask("CoreStatus")] == ["Error"]
    wire.close()


NEEDED = {  # what the product reads, per list; the real Asterisk must send it, and the fake nothing it does not
    "QueueStatus": {
        "QueueParams": {"queue"},
        "QueueMember": {"queue", "name", "location", "stateinterface", "status", "paused", "pausedreason"},
    },
    "CoreShowChannels": {},
    "DeviceStateList": {"DeviceStateChange": {"device", "state"}},
}


@pytest.mark.parametrize("name", NEEDED)
async def test_lists_are_declared_and_ended(exchange: Exchange, name: str) -> None:
    wire, _ = await _wire(exchange)
    first, *items, last = await wire.ask(name)
    assert (first["response"], first["eventlist"]) == ("Success", "start")
    assert (last["event"], last["eventlist"], last["listitems"]) == (f"{name}Complete", "Complete", str(len(items)))
    for item in items:
        assert item["actionid"] == f"id-{name}"
        assert NEEDED[name][item["event"]] <= item.keys()
    wire.close()


@pytest.mark.parametrize(("name", "headers", "message"), [
    ("Command", {"Command": "core show version"}, "Permission denied"),
    ("MixMonitorMute", {"Channel": "nobody", "Direction": "read", "State": "1"}, "No such channel"),
    ("Nonsense", {}, "Invalid/unknown command: Nonsense. Use Action: ListCommands to show available commands."),
    ("QueuePause", {"Interface": "PJSIP/nobody", "Paused": "true"}, "Interface not found"),
])
async def test_refusals_have_asterisks_own_words(
    exchange: Exchange, name: str, headers: dict[str, str], message: str
) -> None:
    wire, _ = await _wire(exchange)
    assert [(f["response"], f["message"]) for f in await wire.ask(name, **headers)] == [("Error", message)]
    wire.close()


async def test_logoff_says_goodbye_and_closes(exchange: Exchange) -> None:
    wire, _ = await _wire(exchange)
    assert [f["response"] for f in await wire.ask("Logoff")] == ["Goodbye"]
    assert await wire.closed()
    wire.close()


async def test_panoramisks_own_manager_works(exchange: Exchange) -> None:
    manager = Manager(
        loop=asyncio.get_running_loop(), host="127.0.0.1", port=exchange.port, username="controller",
        secret=exchange.controller,
    )
    heard: asyncio.Queue[Any] = asyncio.Queue()
    ready = asyncio.Event()
    manager.on_login = lambda _manager: ready.set()
    manager.register_event("QueueMemberPause", lambda _manager, event: heard.put_nowait(event))
    try:
        async with asyncio.timeout(WITHIN_S):
            await manager.connect()
            await ready.wait()
            assert manager.authenticated and manager.protocol.version == "11.0.0"
            assert (await manager.send_action({"Action": "Ping"})).ping == "Pong"
            members = [m for m in await manager.send_action({"Action": "QueueStatus"}) if m.event == "QueueMember"]
            assert [(m.name, m.location) for m in members] == [("王律师", "PJSIP/seat-one")]
            for paused, reason in (("true", "午休"), ("false", "")):
                await manager.send_action(
                    {"Action": "QueuePause", "Interface": "PJSIP/seat-one", "Paused": paused, "Reason": reason}
                )
                event = await heard.get()
                assert (event.queue, event.interface, event.paused) == ("hotline", "PJSIP/seat-one", str(int(paused == "true")))
    finally:
        manager.close()


async def test_asterisk_amis_client_works(exchange: Exchange) -> None:
    def ask() -> tuple[bool, str, str]:
        client = AMIClient(address="127.0.0.1", port=exchange.port, timeout=WITHIN_S)
        try:
            login = client.login("probe", exchange.probe).response
            ping = client.send_action(SimpleAction("Ping")).response
            command = client.send_action(SimpleAction("Command", Command="core show version")).response
            return login.is_error(), ping.keys["Ping"], command.keys["Message"]
        finally:
            client.logoff()
            client.disconnect()

    assert await asyncio.to_thread(ask) == (False, "Pong", "Permission denied")


async def test_the_probe_tells_what_it_sees(exchange: Exchange) -> None:
    seen = await asyncio.to_thread(probe, exchange.port, exchange.probe)
    assert seen.version.startswith("22.") and seen.calls == 0
    assert not await asyncio.to_thread(may_run_commands, exchange.port, "probe", exchange.probe)
    assert not await asyncio.to_thread(may_run_commands, exchange.port, "controller", exchange.controller)
    with pytest.raises(Unavailable, match="refused the AMI login of probe"):
        await asyncio.to_thread(probe, exchange.port, "wrong")


async def test_the_products_client_works(exchange: Exchange) -> None:
    client = AmiClient("127.0.0.1", exchange.port, "controller", exchange.controller)
    running = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(WITHIN_S):
            events = client.events()
            snapshot = await anext(events)
            assert isinstance(snapshot, ExchangeSnapshot)
            assert [(q.queue, [m.interface for m in q.members], q.callers) for q in snapshot.queues] == [
                ("hotline", ["PJSIP/seat-one"], ())
            ]
            assert snapshot.linked_ids == frozenset()
            for paused in (True, False):
                await client.request("QueuePause", Interface="PJSIP/seat-one", Paused=str(paused).lower(), Reason="午休")
                event = await anext(events)
                while not isinstance(event, MemberChanged):
                    event = await anext(events)
                assert (event.queue, event.member.paused) == ("hotline", paused)
            with pytest.raises(AmiRefused, match="No such channel"):
                await client.request("MixMonitorMute", Channel="nobody", Direction="read", State="1")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
