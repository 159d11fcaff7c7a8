"""docs/how-to/first-phones.md as an administrator follows it: its very settings, its command, a call from end to end."""

from __future__ import annotations

import asyncio

import pytest

from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.exchange_setup import certificate
from ivr.telephony.speaking import Voice, speak, write_wav
from tests.e2e.carrier import BY_ADDRESS, HOSTS, Carrier
from tests.e2e.guide import examples, toml
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.fakes.free_ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="function")]


async def test_the_first_desk_phone_answers_the_first_line() -> None:
    [settings] = examples("first-phones.md")
    product = RunningHotline()
    ports = product.settings
    port, tls_port = free_ports(2)
    # The guide's settings, with this machine's addresses and free ports.
    settings["web"] = {"port": ports.web.port}
    settings["asterisk"] |= {
        "sip_host": "127.0.0.1", "sip_port": product.sip, "ami_port": product.ami, "rtp_first": 28000, "rtp_last": 28999,
    }
    settings["trunks"][0] |= {"host": HOSTS[BY_ADDRESS], "port": port}
    product.file.write_text(toml(settings))
    sound = product.folder / "caller.wav"
    write_wav(sound, await asyncio.to_thread(speak, "我想咨询一下劳动争议", Voice("cmn-latn-pinyin+m3")))
    other = RunningHotline(web_more='tls = "local_ca"')  # the carrier wants some authority for its TLS address
    made = await asyncio.to_thread(certificate, other.settings)
    assert made is not None and made.ca is not None
    carrier = Carrier(
        product.folder / "carrier", port=port, tls_port=tls_port, customer=f"127.0.0.1:{product.sip}",
        customer_tls="127.0.0.1:1", their_ca=made.ca, sound=sound,
    )
    try:
        async with carrier:
            await product.start()
            told = dict(line.split(None, 1) for line in (await product.cli("seat", "secret", "one")).splitlines())
            account = PhoneAccount(told["user"], f"{told['server']}:{told['port']}", secret=told["secret"])
            async with ScriptedPhone("desk", account, product.folder / "phones", product.silence) as desk, product.client() as client:
                await client.queue_until(lambda q: q["members"]["available"] == 1)
                await carrier.place(BY_ADDRESS, "+8613895110071")
                linked_id = await arrival(client, "13895110071")
                await desk.wait_for("CALL_INCOMING")
                await desk.answer()
                await state(client, linked_id, "talking")
                await asyncio.sleep(4)
                await desk.hang_up()
                order = await filled_order(client, linked_id)
                assert order["category"] and order["matter"]["name"] == "劳动争议"
            assert "there is no seat nobody" in await product.cli("seat", "secret", "nobody", succeed=False)
    finally:
        await product.stop()
        product.remove()
        other.remove()
