"""Pages and phones by TLS: checked as a browser checks them, with the authority the product made for the office's PCs."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from ivr.exchange_setup import credentials
from ivr.settings import Settings
from ivr.web.tls import local_certificate
from tests.e2e.guide import examples
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.fakes.free_ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

BROWSER_SEAT = '\n[[seats]]\nname = "web"\noperator = "张律师"\nqueues = ["hotline"]\nbrowser = true\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[RunningHotline]:
    """A product with its own authority, secure WebSocket, SIP over TLS and a browser's seat."""
    wss, sip_tls = free_ports(2)
    async with running_hotline(
        BROWSER_SEAT, web_more='tls = "local_ca"\nnames = ["hotline.office"]',
        asterisk_more=f"wss_port = {wss}\nsip_tls_port = {sip_tls}",
    ) as running:
        yield running


def authority(product: RunningHotline) -> ssl.SSLContext:
    """What a PC that imported ca.crt trusts, and nothing else."""
    context = product.authority
    assert context is not None and context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    return context


async def test_pages_by_https_with_the_generated_authority(office: RunningHotline) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=authority(office))) as browser:
        async with browser.get(f"{office.url}/healthz") as answer:
            assert (await answer.json())["status"] == "ok"
        async with browser.get(f"{office.url}/") as answer:
            assert answer.status == 200 and "max-age" in answer.headers["Strict-Transport-Security"]
        async with browser.get(f"{office.url}/api/v1/queues") as answer:
            assert answer.status == 401
    # A PC that did not import the authority sees a warning, not the page.
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(f"{office.url}/healthz")
    async with office.client() as client:
        async with asyncio.timeout(20):
            while not (await client.get("/queues"))["queues"]:  # the controller may still be taking its first look
                await asyncio.sleep(0.1)


async def test_every_name_of_the_list_is_in_the_certificate_and_no_other(office: RunningHotline) -> None:
    port = office.settings.web.port
    for name, fits in (("hotline.office", True), ("localhost", True), ("127.0.0.1", True), ("other.office", False)):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority(office), server_hostname=name)
        except ssl.SSLCertVerificationError:
            assert not fits, name
        else:
            writer.close()
            assert fits, name


async def test_the_login_cookie_never_leaves_by_plain_http(office: RunningHotline) -> None:
    link = (await office.cli("user", "login-link", "admin")).strip()
    assert link.startswith(office.url)
    ticket = link.rpartition("ticket=")[2]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=authority(office))) as browser:
        async with browser.post(f"{office.url}/api/v1/session", json={"ticket": ticket}) as answer:
            assert answer.status in (200, 201), await answer.text()
            cookies = answer.headers.getall("Set-Cookie")
    assert cookies
    for cookie in cookies:
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly"} <= flags and flags & {"samesite=strict", "samesite=lax"}, cookie


async def test_nothing_answers_in_the_clear(office: RunningHotline) -> None:
    settings = office.settings
    assert settings.asterisk.wss_port and settings.asterisk.sip_tls_port
    async with aiohttp.ClientSession() as client:
        for port in (settings.web.port, settings.asterisk.wss_port):
            with pytest.raises(aiohttp.ClientError):
                await client.get(f"http://127.0.0.1:{port}/", timeout=aiohttp.ClientTimeout(total=5))
    # Asterisk listens where the settings say and nowhere else: no plain HTTP server beside the secure one.
    pid = int((office.folder / "state/run/asterisk/run/asterisk.pid").read_text())
    wanted = {settings.asterisk.sip_port, settings.asterisk.ami_port, settings.asterisk.wss_port, settings.asterisk.sip_tls_port}
    assert listening(pid) == wanted


def listening(pid: int) -> set[int]:
    """TCP ports a process listens on."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if found := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
            inodes.add(found[1])
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
    return {int(r[1].rpartition(":")[2], 16) for r in rows if r[3] == "0A" and r[9] in inodes}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_old_tls_is_refused_by_the_pages(office: RunningHotline, version: ssl.TLSVersion) -> None:
    context = authority(office)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", office.settings.web.port, ssl=context)
        writer.close()
        accepted = True
    except (ssl.SSLError, ConnectionError):
        accepted = False
    assert accepted == (version >= ssl.TLSVersion.TLSv1_2)


async def test_a_browser_registers_over_the_secure_websocket(office: RunningHotline) -> None:
    port, secret = office.settings.asterisk.wss_port, credentials(office.settings).endpoints["seat-web"]
    async with aiohttp.ClientSession() as browser, browser.ws_connect(
        f"wss://127.0.0.1:{port}/ws", protocols=("sip",), ssl=authority(office)
    ) as socket_:
        assert socket_.protocol == "sip"
        await socket_.send_str(register(1))
        refused = (await socket_.receive_str(timeout=5))
        assert refused.startswith("SIP/2.0 401 "), refused
        await socket_.send_str(register(2, "wrong", refused))
        again = await socket_.receive_str(timeout=5)
        assert again.startswith("SIP/2.0 401 "), again
        await socket_.send_str(register(3, secret, again))
        # Asterisk asks at once whether the phone is there, and counts it as free when it says so.
        came = [await socket_.receive_str(timeout=5), await socket_.receive_str(timeout=5)]
        assert [m.startswith("SIP/2.0 200 ") for m in came].count(True) == 1, came
        asked = next(m for m in came if m.startswith("OPTIONS "))
        await socket_.send_str(there(asked))
        async with office.client() as client:
            await client.queue_until(lambda q: q["members"]["available"] >= 1)


def there(asked: str) -> str:
    """The answer to OPTIONS."""
    kept = [line for line in asked.split("\r\n") if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    return "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])


def register(number: int, secret: str = "", challenge: str = "") -> str:
    """A browser's REGISTER, with the digest its challenge asks for."""
    uri, user = "sip:127.0.0.1", "seat-web"
    lines = [
        f"REGISTER {uri} SIP/2.0", f"Via: SIP/2.0/WSS browser.invalid;branch=z9hG4bK{number}", "Max-Forwards: 70",
        f"From: <sip:{user}@127.0.0.1>;tag=t1", f"To: <sip:{user}@127.0.0.1>", "Call-ID: browser-1", f"CSeq: {number} REGISTER",
        f"Contact: <sip:{user}@browser.invalid;transport=ws>;expires=120", "Supported: path,outbound",
    ]
    if challenge:
        found = dict(re.findall(r'(\w+)="?([^",]+)"?', re.search(r"WWW-Authenticate: Digest (.*)", challenge)[1]))  # type: ignore[index]
        algorithm = hashlib.sha256 if found.get("algorithm", "MD5").upper() == "SHA-256" else hashlib.md5

        def digest(text: str) -> str:
            return algorithm(text.encode()).hexdigest()

        ha1, ha2 = digest(f"{user}:{found['realm']}:{secret}"), digest(f"REGISTER:{uri}")
        response = digest(f"{ha1}:{found['nonce']}:00000001:c1:auth:{ha2}")
        lines.append(
            f'Authorization: Digest username="{user}", realm="{found["realm"]}", nonce="{found["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm={found.get("algorithm", "MD5")}, qop=auth, nc=00000001, cnonce="c1"'
            + (f', opaque="{found["opaque"]}"' if "opaque" in found else "")
        )
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])


async def test_a_desk_phone_registers_by_tls(office: RunningHotline) -> None:
    port = office.settings.asterisk.sip_tls_port
    assert port is not None
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority(office))
    writer.close()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.settimeout(5)
        plain.sendall(b"OPTIONS sip:127.0.0.1 SIP/2.0\r\n\r\n")
        assert b"SIP/2.0" not in plain.recv(4096)


async def test_given_files_are_served() -> None:
    product = RunningHotline()
    made = local_certificate(product.folder / "office", ["127.0.0.1"])
    product.environment |= {
        "IVR_WEB__TLS": "files", "IVR_WEB__CERTIFICATE": str(made.certificate), "IVR_WEB__KEY": str(made.key),
    }
    product.url = product.url.replace("http:", "https:")
    try:
        await product.start()
        context = ssl.create_default_context(cafile=str(made.ca))
        async with aiohttp.ClientSession() as browser, browser.get(f"{product.url}/healthz", ssl=context) as answer:
            assert answer.status == 200
        assert not (product.folder / "state/tls").exists(), "an authority was made though files were given"
        other = local_certificate(product.folder / "other", ["127.0.0.1"])
        product.environment["IVR_WEB__KEY"] = str(other.key)
        assert await product.stop() == []
        said = await product.cli("run", succeed=False)
        assert str(other.key) in said and "fit" in said and "Traceback" not in said
    finally:
        await product.stop()
        product.remove()


async def test_the_guides_settings_are_accepted() -> None:
    for settings in examples("tls.md"):
        accepted = Settings(**settings)
        assert accepted.web.tls in ("files", "local_ca") and not accepted.web.host.startswith("127.")
