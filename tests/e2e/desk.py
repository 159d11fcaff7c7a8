"""A product whose seats are pages, reached by its own address: browsers and Asterisk exchange no sound over 127.0.0.1."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import Page, async_playwright, expect

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.exchange_setup import credentials
from tests.e2e.hotline import RunningHotline
from tests.e2e.test_pages import CHROMIUM
from tests.fakes.free_ports import free_ports

SEATS = """
[[queues]]
name = "village"
title = "村居"
wrap_up_s = 60

[[seats]]
name = "web"
operator = "张律师"
work_number = "8003"
queues = ["hotline", "village"]
browser = true

[[seats]]
name = "web-two"
operator = "赵律师"
queues = ["hotline"]
browser = true

[[seats]]
name = "phone"
operator = "钱律师"
work_number = "8005"
browser = false

[[trunks]]
name = "lan"
host = "{host}"
called_numbers = ["12348"]
"""


def own_address() -> str:
    """This machine's address as others see it; asking for the way there sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            pytest.skip("this machine has no address but 127.0.0.1, over which browsers and Asterisk exchange no sound")
        return str(probe.getsockname()[0])


class DeskHotline(RunningHotline):
    """Web pages, secure WebSocket, SIP and sound on this machine's own address, with the product's own authority."""

    def __init__(self, more: str = "") -> None:
        self.host = own_address()
        wss, = free_ports(1)
        super().__init__(
            SEATS.format(host=self.host) + more, web_more=f'host = "0.0.0.0"\ntls = "local_ca"\nnames = ["{self.host}"]',
            asterisk_more=f'sip_host = "{self.host}"\nwss_port = {wss}',
        )
        self.page_url = self.url.replace("127.0.0.1", self.host)

    def caller(self, number: str = "13895112348", name: str = "", **more: Any) -> ScriptedPhone:
        """A caller behind the line whose carrier has this address."""
        return self._phone(PhoneAccount(number, f"{self.host}:{self.sip}", name), listen_host=self.host, **more)

    def operator(self, seat: str = "phone", *, answers_itself: bool = False, **more: Any) -> ScriptedPhone:
        """A desk phone that registers at this machine's own address."""
        secret = credentials(self.settings).endpoints[f"seat-{seat}"]
        account = PhoneAccount(f"seat-{seat}", f"{self.host}:{self.sip}", secret=secret, answers_itself=answers_itself)
        return self._phone(account, listen_host=self.host, **more)

    def key_pin(self) -> str:
        """The server's public key as Chromium takes it: this key's certificate is accepted, and no other."""
        certificate = x509.load_pem_x509_certificate(next(self.certificates()).read_bytes())
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(key).digest()).decode()

    def certificates(self) -> Any:
        """The server's certificate file."""
        return (file for file in sorted((self.folder / "state/tls").iterdir()) if file.suffix in (".crt", ".pem") and "ca" not in file.name)


@asynccontextmanager
async def desk_hotline(more: str = "") -> AsyncIterator[DeskHotline]:
    """A running one, from its start to its end."""
    running = DeskHotline(more)
    try:
        await running.start()
        yield running
    finally:
        left = await running.stop()
        running.end_what_is_left()
        running.remove()
    assert left == [], f"left behind: {left}"


@asynccontextmanager
async def desk_browser(
    hotline: DeskHotline, says: Path | None = None, program: Path = Path("/usr/bin/chromium")
) -> AsyncIterator[Page]:
    """Headless Chromium with a microphone that plays ``says``; page errors fail the test, other certificates the page."""
    errors: list[str] = []
    more = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
            f"--ignore-certificate-errors-spki-list={hotline.key_pin()}"]
    if says is not None:
        more.append(f"--use-file-for-fake-audio-capture={says}")
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=str(program), args=[*CHROMIUM, *more])
        context = await browser.new_context(
            viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai", permissions=["microphone"],
        )
        await context.add_init_script(_KEEP_CONNECTIONS)
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            yield page
        finally:
            await browser.close()
    assert errors == []


_KEEP_CONNECTIONS = """
window.connections = []
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.connections.push(this) }
}
"""

_SOUND = """async () => {
  const found = { received: 0, sent: 0, energy: 0, codec: '', dtls: '', cipher: '', far: '', near: '' }
  const rows = []
  for (const c of window.connections) (await c.getStats()).forEach((row) => rows.push(row))
  for (const row of rows) {
    if (row.type === 'inbound-rtp') { found.received += row.packetsReceived; found.energy += row.totalAudioEnergy ?? 0 }
    if (row.type === 'outbound-rtp') found.sent += row.packetsSent
    if (row.type === 'codec' && row.mimeType !== 'audio/telephone-event') found.codec = row.mimeType
  }
  const byId = Object.fromEntries(rows.map((row) => [row.id, row]))
  for (const row of rows) {
    if (row.type !== 'transport') continue
    const pair = byId[row.selectedCandidatePairId]
    Object.assign(found, { dtls: row.dtlsState, cipher: row.srtpCipher ?? '' })
    Object.assign(found, { near: byId[pair?.localCandidateId]?.address ?? '', far: byId[pair?.remoteCandidateId]?.address ?? '' })
  }
  return found
}"""


async def sound(page: Page) -> dict[str, Any]:
    """What came and went by all connections of the page: packets, energy of what is heard, the codec, and between whom, how sealed."""
    return dict(await page.evaluate(_SOUND))


async def operator_signs_in(hotline: DeskHotline, page: Page, name: str) -> None:
    """A new account with the role operator, by login link, at the desk."""
    await hotline.cli("user", "add", name, "--role", "operator", "--display-name", name)
    link = (await hotline.cli("user", "login-link", name)).strip()
    await page.goto(hotline.page_url + "/desk?ticket=" + link.rpartition("ticket=")[2])
    await expect(page.get_by_test_id("live-state")).to_contain_text("实时", timeout=15_000)


async def sits_down(page: Page, seat: str = "web") -> None:
    """Takes the seat, once who had it before has lost it; its telephone is registered, and it is paused."""
    await expect(page.get_by_test_id(f"take-{seat}")).to_be_enabled(timeout=90_000)
    await page.get_by_test_id(f"take-{seat}").click()
    await expect(page.get_by_test_id("desk-line")).to_contain_text("话机已连上", timeout=15_000)
    await state(page, "paused")


async def shot(page: Page, name: str) -> None:
    """A picture for who looks at the page, where IVR_SHOTS names a folder."""
    if folder := os.environ.get("IVR_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def leaves(page: Page, client: HotlineClient) -> None:
    """Gives the seat back: its telephone is away, it is paused, and the next one may have it."""
    await page.get_by_test_id("desk-leave").click()
    await expect(page.get_by_test_id("take-web")).to_be_visible(timeout=15_000)
    await client.queue_until(lambda q: any(
        (m["interface"], m["state"], m["paused_reason"]) == ("PJSIP/seat-web", "offline", "signed-out") for m in q["member_list"]
    ))


async def state(page: Page, wanted: str, within_s: float = 15) -> None:
    """The state the page shows, which is Asterisk's."""
    await expect(page.get_by_test_id("desk-state")).to_have_attribute("data-state", wanted, timeout=within_s * 1000)
