"""The nuisance rule with real keys: two warnings and the end, and listed numbers who still reach help in an emergency."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.listening import hears_prompt
from tests.e2e.test_menus import call_row, facts
from tests.e2e.test_transfer import console, kinds, settled, talking
from tests.faults.witness import pid_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def carried(hotline: RunningHotline, number: str, listed: bool) -> None:
    """Until Asterisk's own copy of the listings says so."""
    async with asyncio.timeout(30):
        while (f"/nuisance/{number}" in await console(hotline, "database show nuisance")) is not listed:
            await asyncio.sleep(0.2)


async def test_the_operators_key_warns_twice_and_then_ends_the_call(hotline: RunningHotline, client: HotlineClient) -> None:
    async with talking(hotline, client, "13896300031", keep_sound=True) as (citizen, operator, linked_id):
        await citizen.press("*7*7*7")
        for step in ("warning-1", "warning-2"):
            await operator.press("*7")
            await kinds(hotline, linked_id, ("NUISANCE", step))
            await hears_prompt(hotline, citizen, f"nuisance-{step}")
            assert (await call_row(client, linked_id))["state"] == "talking"
        await operator.press("*7")
        await citizen.wait_for("CALL_CLOSED", within_s=20)
        await hears_prompt(hotline, citizen, "nuisance-ends")
        call = await settled(hotline, client, linked_id)
        order = await filled_order(client, linked_id)
    assert (call["outcome"], call["nuisance"], call["hangup_by"], call["rating"]) == ("answered", "ended", "operator", None)
    assert "骚扰来电规则" in order["note"] and call["transcript"]["state"] != "none"
    assert "async goto" not in hotline.asterisk_log
    told = [t for t in await facts(hotline, linked_id, bool) if t[0] in ("NUISANCE", "RATING_ASKED")]
    assert told == [("NUISANCE", "warning-1"), ("NUISANCE", "warning-2"), ("NUISANCE", "ended")]


async def test_a_listed_number_hears_the_advice_and_its_call_makes_an_order(hotline: RunningHotline, client: HotlineClient) -> None:
    await hotline.cli("nuisance", "add", "13896300032", "--reason", "一周内辱骂坐席十二次", "--owner", "督导 马", "--days", "7")
    listed = await hotline.cli("nuisance", "list")
    assert "13896300032" in listed and "督导 马" in listed
    await carried(hotline, "13896300032", True)
    async with hotline.caller("13896300032", keep_sound=True) as citizen:
        await citizen.dial("12348")
        await citizen.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, "13896300032")
        await citizen.wait_for("CALL_CLOSED", within_s=60)
        order = await filled_order(client, linked_id)
        for name in ("emergency", "nuisance-listed"):
            await hears_prompt(hotline, citizen, name)
    call = await call_row(client, linked_id)
    assert (call["outcome"], call["nuisance"], call["queue"]) == ("self_service", "listed", "")
    assert "骚扰名单" in order["note"] and list(hotline.recordings.rglob(f"*{linked_id}*")) == []


async def test_a_listed_number_reaches_a_human_by_one_key_with_every_process_of_ours_dead(hotline: RunningHotline, client: HotlineClient) -> None:
    await hotline.cli("nuisance", "add", "13896300033", "--reason", "骚扰", "--owner", "督导", "--days", "1")
    await carried(hotline, "13896300033", True)
    async with hotline.operator(answers_itself=True) as operator, hotline.caller("+8613896300033") as citizen:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        assert hotline.process is not None
        hotline.process.send_signal(signal.SIGSTOP)  # else it would start the others again
        try:
            for part in ("controller", "worker"):
                os.kill(pid_of(hotline, part), signal.SIGKILL)
            await citizen.dial("12348")
            await citizen.wait_for("CALL_ESTABLISHED")
            await asyncio.sleep(2)
            assert not [e for e in operator.events if e.get("type") == "CALL_INCOMING"]
            await citizen.press("1")
            await asyncio.sleep(1)
            await citizen.press("0")
            await operator.wait_for("CALL_ESTABLISHED", within_s=30)
        finally:
            hotline.process.send_signal(signal.SIGCONT)
        linked_id = await arrival(client, "13896300033")
        await state(client, linked_id, "talking")
        await citizen.hang_up()
        call = await settled(hotline, client, linked_id)
    assert (call["outcome"], call["nuisance"]) == ("answered", "listed")
    assert ("EMERGENCY", "listed") in await facts(hotline, linked_id, bool)


async def test_an_ended_or_removed_listing_counts_for_nothing(hotline: RunningHotline, client: HotlineClient) -> None:
    await hotline.cli("nuisance", "add", "13896300034", "--reason", "骚扰", "--owner", "督导", "--days", "1")
    await carried(hotline, "13896300034", True)
    await hotline.cli("nuisance", "remove", "13896300034", "--by", "督导")
    await carried(hotline, "13896300034", False)
    assert "not listed" in await hotline.cli("nuisance", "remove", "13896300034", "--by", "督导", succeed=False)
    # What is left in Asterisk's database ends by itself: here an hour ago, with the controller not there to clean up.
    await console(hotline, f"database put nuisance 13896300035 {1_700_000_000}")
    for number in ("13896300034", "13896300035"):
        async with hotline.caller(number) as citizen:
            await citizen.dial("12348")
            await citizen.wait_for("CALL_ESTABLISHED")
            linked_id = await arrival(client, number)
            await citizen.press("0")
            await state(client, linked_id, "queued")
            await citizen.hang_up()
            await filled_order(client, linked_id)
        call = await call_row(client, linked_id)
        assert (call["outcome"], call["nuisance"]) == ("abandoned", "")
    await carried(hotline, "13896300035", False)


async def test_bad_listings_are_refused_with_a_reason(hotline: RunningHotline) -> None:
    for number, reason, owner, days in (("138'; --", "x", "y", "1"), ("13896300036", "", "y", "1"), ("13896300036", "x", " ", "1")):
        told = await hotline.cli("nuisance", "add", number, "--reason", reason, "--owner", owner, "--days", days, succeed=False)
        assert "digits" in told or "a listing needs its" in told
    assert "days" in await hotline.cli("nuisance", "add", "13896300036", "--reason", "x", "--owner", "y", succeed=False)
    assert "13896300036" not in await hotline.cli("nuisance", "list")
