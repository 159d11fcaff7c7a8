"""Logins, lock-out, tickets, revocation, tokens and roles against a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from ivr.domain.errors import BadSetting, NotFound
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_a_login_sets_a_strict_cookie_and_the_session_ends_at_logout(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.browser() as client:
        await s.accounts.add_user("Li.Na", roles=["operator"], display_name="李娜", password=PASSWORD)
        async with client.post("/api/v1/session", json={"name": "ＬＩ.na", "password": PASSWORD}) as response:
            assert response.status == 200
            user = {"name": "li.na", "display_name": "李娜", "roles": ["operator"]}
            assert await response.json() == {"user": user, "second_factor": "off"}
            cookie = response.headers["Set-Cookie"]
        assert cookie.startswith("ivr_session=") and "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert "Secure" not in cookie and "Path=/" in cookie
        secret = cookie.split(";")[0].split("=", 1)[1]
        stored = await s.pool.fetchval("SELECT encode(token_hash, 'hex') FROM app_session")
        assert secret not in stored and len(stored) == 64
        assert (await client.get("/api/v1/queues")).status == 200
        async with client.delete("/api/v1/session") as response:
            assert response.status == 204
        async with aiohttp.ClientSession(s.origin, cookies={"ivr_session": secret}) as thief:
            assert (await thief.get("/api/v1/queues")).status == 401
        actions = [row["action"] for row in await s.pool.fetch("SELECT action FROM audit_event ORDER BY id")]
        assert actions[-2:] == ["session.opened", "session.closed"]


async def test_under_tls_the_cookie_is_pinned_to_the_host(web_database: WebDatabase) -> None:
    async with site(web_database, tls=True) as s, s.browser() as client:
        await s.accounts.add_user("a", roles=["operator"], password=PASSWORD)
        headers = {"Origin": s.origin.replace("http:", "https:")}
        async with client.post(
            "/api/v1/session", json={"name": "a", "password": PASSWORD}, headers=headers
        ) as response:
            assert response.status == 200
            assert response.headers["Set-Cookie"].startswith("__Host-ivr=")
            assert "Secure" in response.headers["Set-Cookie"]
            assert "max-age" in response.headers["Strict-Transport-Security"]


async def test_wrong_name_and_wrong_password_cannot_be_told_apart_and_both_lock(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.browser() as client:
        await s.accounts.add_user("real", roles=["operator"], password=PASSWORD)
        await s.accounts.add_user("gone", roles=["operator"], password=PASSWORD)
        await s.accounts.set_disabled("gone", True)
        answers: dict[str, list[tuple[int, str]]] = {}
        for name in ("real", "nobody", "gone"):
            for _ in range(6):
                async with client.post("/api/v1/session", json={"name": name, "password": "wrong"}) as response:
                    answers.setdefault(name, []).append((response.status, await response.text()))
                    retry = response.headers.get("Retry-After")
            assert retry is not None and 890 <= int(retry) <= 900
        assert answers["real"] == answers["nobody"] == answers["gone"]
        assert [status for status, _ in answers["real"]] == [401] * 5 + [429]
        async with client.post("/api/v1/session", json={"name": "real", "password": PASSWORD}) as response:
            assert response.status == 429, "also the right password waits"
        await s.pool.execute(
            "UPDATE login_failure SET window_ends = now() - interval '1 s', locked_until = now() - interval '1 s'"
        )
        async with client.post("/api/v1/session", json={"name": "real", "password": PASSWORD}) as response:
            assert response.status == 200
        assert await s.pool.fetchval("SELECT count(*) FROM login_failure") == 2, "a good login clears its own count"


async def test_parallel_guesses_get_no_extra_tries(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.browser() as client:
        await s.accounts.add_user("real", roles=["operator"], password=PASSWORD)

        async def guess(n: int) -> int:
            async with client.post("/api/v1/session", json={"name": "real", "password": f"guess{n}"}) as response:
                return response.status

        statuses = await asyncio.gather(*(guess(n) for n in range(12)))
        assert sorted(statuses) == [401] * 5 + [429] * 7


async def test_setting_the_password_lifts_the_lock_and_ends_sessions(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await s.accounts.add_user("a", roles=["operator"], password=PASSWORD)
        async with s.browser("a") as open_page, s.browser() as client:
            for _ in range(6):
                await client.post("/api/v1/session", json={"name": "a", "password": "x"})
            await s.accounts.set_password("a", "another good phrase")
            assert (await open_page.get("/api/v1/session")).status == 401
            login = {"name": "a", "password": "another good phrase"}
            assert (await client.post("/api/v1/session", json=login)).status == 200


async def test_a_ticket_opens_one_session_and_expires(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.browser() as client, s.browser() as other:
        await s.accounts.add_user("boss", roles=["administrator"])
        ticket = await s.accounts.issue_ticket("boss")
        statuses = await asyncio.gather(
            *(_status(c.post("/api/v1/session", json={"ticket": ticket})) for c in (client, other, other))
        )
        assert sorted(statuses) == [200, 401, 401]
        late = await s.accounts.issue_ticket("boss", timedelta(seconds=-1))
        assert (await other.post("/api/v1/session", json={"ticket": late})).status == 401
        with pytest.raises(NotFound):
            await s.accounts.issue_ticket("nobody")
        unused = await s.accounts.issue_ticket("boss")
        await s.accounts.set_disabled("boss", True)
        assert (await other.post("/api/v1/session", json={"ticket": unused})).status == 401
        assert (await client.get("/api/v1/queues")).status == 401, "disabling ends open sessions"


async def _status(request: object) -> int:
    async with request as response:  # type: ignore[attr-defined]
        return int(response.status)


async def test_idle_and_absolute_limits_and_what_counts_as_activity(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await s.accounts.add_user("a", roles=["operator"], password=PASSWORD)
        async with s.browser("a") as client:
            await s.pool.execute("UPDATE app_session SET last_seen_at = now() - interval '14 min'")
            assert (await client.get("/api/v1/session")).status == 200
            async with client.get("/api/v1/live") as stream:
                assert stream.status == 200
            idle = await s.pool.fetchval("SELECT now() - last_seen_at FROM app_session")
            assert idle > timedelta(minutes=13), "neither the session itself nor the live stream is activity"
            assert (await client.get("/api/v1/queues")).status == 200
            idle = await s.pool.fetchval("SELECT now() - last_seen_at FROM app_session")
            assert idle < timedelta(minutes=1)
            await s.pool.execute("UPDATE app_session SET last_seen_at = now() - interval '16 min'")
            assert (await client.get("/api/v1/queues")).status == 401
            await s.pool.execute("UPDATE app_session SET last_seen_at = now(), expires_at = now()")
            assert (await client.get("/api/v1/queues")).status == 401
            await s.accounts.prune()


async def test_tokens_are_hashed_named_once_and_revocable(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        secret = await s.accounts.create_token("Wall", ["dispatcher"])
        assert secret.startswith("ivr_")
        with pytest.raises(BadSetting):
            await s.accounts.create_token("wall", ["dispatcher"])
        with pytest.raises(BadSetting, match="Roles are"):
            await s.accounts.create_token("other", ["king"])
        headers = {"Authorization": f"Bearer {secret}"}
        async with s.browser() as client:
            assert (await client.get("/api/v1/calls", headers=headers)).status == 200
            assert (await client.get("/api/v1/calls", headers={"Authorization": "Basic eDp5"})).status == 401
            assert (await client.get("/api/v1/calls", headers={"Authorization": "Bearer ivr_x"})).status == 401
            await s.accounts.revoke_token("wall")
            assert (await client.get("/api/v1/calls", headers=headers)).status == 401
        assert [(t.name, t.roles, t.revoked_at is not None) for t in await s.accounts.tokens()] == [
            ("wall", ("dispatcher",), True)
        ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({}, 204),
    ],
)
async def test_other_sites_pages_cannot_act(web_database: WebDatabase, headers: dict[str, str], status: int) -> None:
    async with site(web_database) as s:
        await s.accounts.add_user("a", roles=["operator"], password=PASSWORD)
        own = {"Origin": s.origin}
        async with s.browser("a") as client, client.delete("/api/v1/session", headers=own | headers) as response:
            assert response.status == status


@pytest.mark.parametrize(
    ("role", "calls", "audio", "nuisance"),
    [
        ("operator", 200, 404, 403),
        ("supervisor", 200, 404, 200),
        ("administrator", 200, 404, 200),
        ("dispatcher", 200, 403, 403),
        ("handler", 403, 403, 403),
        ("adviser", 403, 403, 403),
        ("auditor", 403, 403, 403),
    ],
)
async def test_roles(web_database: WebDatabase, role: str, calls: int, audio: int, nuisance: int) -> None:
    async with site(web_database) as s, s.machine(role) as client:
        assert (await client.get("/api/v1/calls")).status == calls
        assert (await client.get("/api/v1/calls/x/audio")).status == audio
        assert (await client.get("/api/v1/nuisance")).status == nuisance
        assert (await client.get("/api/v1/session")).status == 200


async def test_weak_settings_are_refused_in_plain_words(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        with pytest.raises(BadSetting, match="12 characters"):
            await s.accounts.add_user("a", roles=["operator"], password="short")
        with pytest.raises(BadSetting, match="no user or token name"):
            await s.accounts.add_user("a b\n", roles=["operator"])
        await s.accounts.add_user("a", roles=["operator"])
        with pytest.raises(BadSetting, match="already"):
            await s.accounts.add_user("A", roles=["operator"])
        assert [u.has_password for u in await s.accounts.users()] == [False]
