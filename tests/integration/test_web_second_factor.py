"""Logins with a code, enrolment, lock-out and the sessions' list on the real web edge."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from ivr.domain.errors import Unavailable
from ivr.domain.one_time_code import STEP_S, code_of
from ivr.ports.sessions import CodeRefused
from ivr.storage.accounts import CLI_ACTOR, PostgresAccounts
from ivr.storage.second_factor import FactorVault
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import CHEAP, PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]

FACTOR = "/api/v1/session/second-factor"
KEY = b"s" * 32


class Clock:
    """Moved by hand, one step at a time: a code is good once."""

    def __init__(self) -> None:
        self.step = 50_000_000

    def __call__(self) -> float:
        return self.step * STEP_S + 7.0


def app_code(secret_base32: str, step: int) -> str:
    """What an authenticator app shows, from the text it was given."""
    return code_of(base64.b32decode(secret_base32 + "=" * (-len(secret_base32) % 8)), step)


async def enrol(client: aiohttp.ClientSession, clock: Clock) -> tuple[str, list[str]]:
    async with client.post(FACTOR) as response:
        assert response.status == 201, await response.text()
        secret = (await response.json())["secret"]
    async with client.post(f"{FACTOR}/confirmation", json={"code": app_code(secret, clock.step)}) as response:
        assert response.status == 200, await response.text()
        codes = (await response.json())["codes"]
    clock.step += 1
    return secret, codes


async def login(client: aiohttp.ClientSession, **body: Any) -> tuple[int, str]:
    async with client.post("/api/v1/session", json=body) as response:
        told = await response.json()
        return response.status, told.get("code", told.get("second_factor"))


@asynccontextmanager
async def guarded(database: WebDatabase, *required: str) -> AsyncIterator[tuple[Site, Clock]]:
    clock = Clock()
    async with site(database, vault=FactorVault(KEY, required, clock)) as s:
        await s.accounts.add_user("wang", roles=["operator"], display_name="王律师", password=PASSWORD)
        await s.accounts.add_user("root", roles=["administrator"], password=PASSWORD)
        yield s, clock


async def actions(s: Site, actor: str) -> list[str]:
    return [r["action"] for r in await s.pool.fetch("SELECT action FROM audit_event WHERE actor = $1 ORDER BY id", actor)]


async def test_with_a_factor_a_login_needs_a_code_and_each_code_is_good_once(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as first, s.browser() as client:
        async with first.get(FACTOR) as response:
            assert await response.json() == {"state": "off", "required": False, "confirmed_at": None, "recovery_codes_left": 0}
        secret, _ = await enrol(first, clock)
        code = app_code(secret, clock.step)
        assert await login(client, name="wang", password=PASSWORD) == (401, "code_needed")
        assert await login(client, name="wang", password="wrong", code=code) == (401, "login_refused")
        assert await login(client, name="wang", password=PASSWORD, code=code) == (200, "on")
        assert await login(client, name="wang", password=PASSWORD, code=code) == (401, "code_refused"), "a replay"
        clock.step += 1
        late = app_code(secret, clock.step - 2)
        assert await login(client, name="wang", password=PASSWORD, code=late) == (401, "code_refused"), "before the last one"
        assert await login(client, name="wang", password=PASSWORD, code=app_code(secret, clock.step + 1)) == (200, "on"), "skew"
        clock.step += 9
        assert await login(client, name="wang", password=PASSWORD, code=app_code(secret, clock.step + 2)) == (401, "code_refused")
        assert await actions(s, "wang") == [
            "session.opened", "second_factor.started", "second_factor.confirmed", "session.code_asked", "session.refused",
            "session.opened", "session.code_refused", "session.code_refused", "session.opened", "session.code_refused",
        ]


async def test_one_code_opens_one_of_two_logins_at_the_same_moment(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as browser:
        secret, _ = await enrol(browser, clock)
        vault, code = FactorVault(KEY, (), clock), app_code(secret, clock.step)
        async with s.pool.acquire() as first, s.pool.acquire() as second, asyncio.timeout(30):
            user = await first.fetchrow("SELECT id, name, roles FROM app_user WHERE name = 'wang'")
            assert user is not None

            async def other_login() -> None:
                async with second.transaction():
                    await vault.admit(second, user, code)

            async with first.transaction():
                assert await vault.admit(first, user, code) == "on"
                other = asyncio.create_task(other_login())
                while not await s.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.01)
            with pytest.raises(CodeRefused):
                await other


async def test_wrong_codes_lock_as_wrong_passwords_do_and_asking_for_a_code_counts_nothing(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as first, s.browser() as client:
        secret, _ = await enrol(first, clock)
        for _ in range(9):
            assert await login(client, name="wang", password=PASSWORD) == (401, "code_needed")
        wrong = "000000" if app_code(secret, clock.step) != "000000" else "000001"
        for _ in range(5):
            assert (await login(client, name="wang", password=PASSWORD, code=wrong))[1] == "code_refused"
            await login(client, name="wang", password=PASSWORD)  # must not win tries back
        good = app_code(secret, clock.step)
        assert await login(client, name="wang", password=PASSWORD, code=good) == (429, "locked_out")


async def test_recovery_codes_open_once_each_and_are_not_in_the_database(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as first, s.browser() as client:
        secret, codes = await enrol(first, clock)
        assert len(set(codes)) == 10
        typed = codes[0].lower().replace("-", " ")
        assert await login(client, name="wang", password=PASSWORD, code=typed) == (200, "on")
        async with client.get(FACTOR) as response:
            assert (await response.json())["recovery_codes_left"] == 9
        assert await login(client, name="wang", password=PASSWORD, code=codes[0]) == (401, "code_refused")
        dump = str([tuple(r) for r in await s.pool.fetch("SELECT digest FROM recovery_code")])
        sealed = await s.pool.fetchval("SELECT sealed FROM second_factor")
        assert codes[1] not in dump and secret.encode() not in sealed
        assert "second_factor.recovery_used" in await actions(s, "wang")


async def test_a_dump_without_the_key_opens_nothing_and_a_row_fits_one_account_only(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as first, s.browser() as client:
        secret, _ = await enrol(first, clock)
        await s.pool.execute(
            "INSERT INTO second_factor (user_id, sealed, confirmed_at)"
            " SELECT r.id, f.sealed, now() FROM second_factor f, app_user r WHERE r.name = 'root'"
        )
        code = app_code(secret, clock.step)
        assert await login(client, name="root", password=PASSWORD, code=code) == (503, "unavailable")
        elsewhere = PostgresAccounts(s.pool, None, CHEAP, FactorVault(b"k" * 32, (), clock))
        with pytest.raises(Unavailable, match=r"second-factor\.key"):
            await elsewhere.sign_in("wang", PASSWORD, code=code)
        assert await login(client, name="wang", password=PASSWORD, code=code) == (200, "on"), "and with the right key it fits"


async def test_a_link_needs_the_code_too_and_stays_good_until_it_comes(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as first, s.browser() as client:
        secret, _ = await enrol(first, clock)
        ticket = await s.accounts.issue_ticket("wang")
        assert await login(client, ticket=ticket) == (401, "code_needed")
        assert await login(client, ticket=ticket, code="nonsense") == (401, "code_refused")
        assert await login(client, ticket=ticket, code=app_code(secret, clock.step)) == (200, "on")
        assert await login(client, ticket=ticket, code=app_code(secret, clock.step + 1)) == (401, "login_refused"), "used"
        other = await s.accounts.issue_ticket("wang")
        for _ in range(5):
            assert await login(client, ticket=other, code="nonsense") == (401, "code_refused")
        assert await login(client, ticket=other, code=app_code(secret, clock.step + 1)) == (429, "locked_out")


async def test_who_must_have_a_factor_is_served_nothing_but_setting_it_up(web_database: WebDatabase) -> None:
    async with guarded(web_database, "administrator") as (s, clock), s.browser("root") as client, s.browser("root") as thief:
        for method, path in (("GET", "/api/v1/queues"), ("GET", "/api/v1/live"), ("GET", "/api/v1/sessions"), ("GET", "/api/v1/session/all")):
            async with client.request(method, path) as response:
                assert (response.status, (await response.json())["code"]) == (403, "enrolment_needed"), path
        async with client.get("/api/v1/session") as response:
            assert (await response.json())["second_factor"] == "missing"
        await enrol(client, clock)
        async with client.get("/api/v1/queues") as response:
            assert response.status == 200
        async with thief.get("/api/v1/queues") as response:
            assert response.status == 401, "a session that knew the password only ended when the factor came into force"
        async with s.browser("wang") as operator:
            assert (await operator.get("/api/v1/queues")).status == 200, "asked of administrators only"


async def test_a_factor_is_taken_away_by_a_code_only_and_replaced_by_nobody_else(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as client:
        async with client.post(f"{FACTOR}/confirmation", json={"code": "000000"}) as response:
            assert (response.status, (await response.json())["code"]) == (409, "second_factor_missing")
        secret, _ = await enrol(client, clock)
        async with client.post(FACTOR) as response:
            assert (response.status, (await response.json())["code"]) == (409, "second_factor_exists")
        for _ in range(5):
            async with client.post(f"{FACTOR}/removal", json={"code": "nonsense"}) as response:
                assert (response.status, (await response.json())["code"]) == (409, "code_wrong")
        async with client.post(f"{FACTOR}/removal", json={"code": app_code(secret, clock.step)}) as response:
            assert response.status == 429, "guesses from within a session are counted too"
        await s.pool.execute("DELETE FROM login_failure")
        async with client.post(f"{FACTOR}/removal", json={"code": app_code(secret, clock.step)}) as response:
            assert response.status == 204
        async with s.browser("wang") as again:
            assert (await again.get("/api/v1/queues")).status == 200


async def test_an_administrator_takes_a_lost_factor_away_and_ends_an_access_but_never_their_own(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, clock), s.browser("wang") as client, s.browser() as again, s.browser("root") as root:
        await enrol(client, clock)
        async with root.get("/api/v1/users") as response:
            told = {one["name"]: one for one in (await response.json())["users"]}
        assert told["wang"]["second_factor_since"] and told["wang"]["last_seen_at"] and not told["root"]["second_factor_since"]
        lost = {"reason": "手机丢了"}
        async with client.post("/api/v1/users/root/second-factor-reset", json=lost) as response:
            assert response.status == 403, "an operator resets nobody"
        async with root.post("/api/v1/users/root/access", json=lost | {"disabled": True}) as response:
            assert response.status == 403, "nobody ends their own access"
        async with root.post("/api/v1/users/nobody/second-factor-reset", json=lost) as response:
            assert response.status == 404
        async with root.post("/api/v1/users/wang/second-factor-reset", json={"reason": " "}) as response:
            assert response.status == 400, "an act on somebody's account has a reason"
        async with root.post("/api/v1/users/wang/second-factor-reset", json=lost) as response:
            assert response.status == 204
        assert (await client.get("/api/v1/queues")).status == 401
        assert await login(again, name="wang", password=PASSWORD) == (200, "off")
        async with root.post("/api/v1/users/wang/second-factor-reset", json=lost) as response:
            assert (response.status, (await response.json())["code"]) == (409, "second_factor_missing")
        ticket = await s.accounts.issue_ticket("wang")
        async with root.post("/api/v1/users/wang/access", json={"disabled": True, "reason": "离职"}) as response:
            assert response.status == 204
        assert (await again.get("/api/v1/queues")).status == 401
        assert (await login(again, name="wang", password=PASSWORD))[0] == 401
        assert (await login(again, ticket=ticket))[0] == 401, "a link given out before opens nothing any more"
        async with root.post("/api/v1/users/wang/access", json={"disabled": False, "reason": "返岗"}) as response:
            assert response.status == 204
        assert await login(again, name="wang", password=PASSWORD) == (200, "off")
        acts = await s.pool.fetch(
            "SELECT action, detail->>'reason' AS reason FROM audit_event WHERE actor = 'root' AND object = 'wang' ORDER BY id"
        )
        assert [tuple(a) for a in acts] == [("second_factor.reset", "手机丢了"), ("user.disabled", "离职"), ("user.enabled", "返岗")]


async def test_what_the_command_line_does_to_accounts_is_audited(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, _):
        before = len(await actions(s, CLI_ACTOR))
        await s.accounts.add_user("new", roles=["operator"])
        await s.accounts.set_roles("new", ["supervisor"])
        await s.accounts.set_disabled("new", True)
        await s.accounts.set_disabled("new", False)
        await s.accounts.issue_ticket("new")
        await s.accounts.create_token("robot", ["operator"])
        await s.accounts.revoke_token("robot")
        assert (await actions(s, CLI_ACTOR))[before:] == [
            "user.added", "user.roles_set", "user.disabled", "user.enabled", "user.login_link", "token.created", "token.revoked",
        ]


async def test_people_see_their_sessions_and_end_them_and_nobody_elses(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, _), s.browser("wang") as here, s.browser("root") as other:
        async with s.browser() as lost:
            async with lost.post(
                "/api/v1/session", json={"name": "wang", "password": PASSWORD}, headers={"User-Agent": "<b>Lost</b> " + "x" * 500}
            ) as response:
                assert response.status == 200
            async with here.get("/api/v1/session/all") as response:
                mine = (await response.json())["sessions"]
            assert {one["name"] for one in mine} == {"wang"} and [one["mine"] for one in mine].count(True) == 1
            gone = next(one for one in mine if not one["mine"])
            assert gone["address"] == "127.0.0.1" and gone["agent"].startswith("<b>Lost</b> x") and len(gone["agent"]) == 200
            async with here.get("/api/v1/sessions") as response:
                assert response.status == 403
            root_id = await s.pool.fetchval(
                "SELECT s.id FROM app_session s JOIN app_user u ON u.id = s.user_id WHERE u.name = 'root'"
            )
            for unknown in (root_id, 999_999, "x", "9" * 30, "１"):
                async with here.delete(f"/api/v1/session/all/{unknown}") as response:
                    assert response.status == 404, unknown
            assert (await other.get("/api/v1/queues")).status == 200
            async with here.delete(f"/api/v1/session/all/{gone['id']}") as response:
                assert response.status == 204
            assert (await lost.get("/api/v1/queues")).status == 401 and (await here.get("/api/v1/queues")).status == 200
            async with here.delete(f"/api/v1/session/all/{gone['id']}") as response:
                assert response.status == 404


async def test_an_administrator_ends_anybodys_session_with_a_reason_and_its_seat_is_free(web_database: WebDatabase) -> None:
    async with guarded(web_database) as (s, _), s.browser("wang") as operator, s.browser("root") as root:
        credential = await s.pool.fetchval(
            "SELECT s.token_hash FROM app_session s JOIN app_user u ON u.id = s.user_id WHERE u.name = 'wang'"
        )
        assert await s.services.desk.leases.take("east", "wang", credential, 600)
        async with root.get("/api/v1/sessions") as response:
            listed = (await response.json())["sessions"]
        one = next(each for each in listed if each["name"] == "wang")
        path = f"/api/v1/sessions/{one['id']}/revocation"
        for body in ({}, {"reason": " "}, {"reason": "x" * 201}, {"reason": "电脑遗失", "more": 1}):
            async with root.post(path, json=body) as response:
                assert response.status == 400, body
        async with operator.post(path, json={"reason": "电脑遗失"}) as response:
            assert response.status == 403
        async with root.post(path, json={"reason": "电脑遗失"}) as response:
            assert response.status == 204
        assert (await operator.get("/api/v1/queues")).status == 401
        assert await s.pool.fetchval("SELECT count(*) FROM seat_lease") == 0
        row = await s.pool.fetchrow("SELECT actor, object, detail FROM audit_event WHERE action = 'session.revoked'")
        assert row is not None and (row["actor"], row["object"]) == ("root", "wang") and "电脑遗失" in row["detail"]
        async with s.machine("administrator") as machine, machine.get("/api/v1/session/all") as response:
            assert (await response.json())["sessions"] == []
        async with s.machine("administrator") as machine, machine.post(FACTOR) as response:
            assert response.status == 403
