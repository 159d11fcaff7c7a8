"""The whole web edge on a real database and a real socket, with clients that behave like a browser or a machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from blockbuster import BlockBuster

from ivr.analysis_setup import analysis_services
from ivr.domain.callback import CallbackRules
from ivr.domain.counted_call import Limits
from ivr.domain.work_order import OrderRules
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import WorkTime
from ivr.intake_tables import shipped_risks
from ivr.pipeline.provision_devices import Provisioner
from ivr.ports.desk import BrowserSeat, DeskServices
from ivr.ports.knowledge import KnowledgeServices
from ivr.ports.partners import PartnerServices
from ivr.ports.rooms import Third
from ivr.ports.roster import RosterServices
from ivr.ports.supervision import SupervisedSeat, SupervisionServices
from ivr.ports.web import WebOptions, WebServices
from ivr.privacy_setup import privacy_services
from ivr.settings import Settings
from ivr.speech.film_spool import open_film
from ivr.storage.accounts import LoginPolicy, PostgresAccounts
from ivr.storage.advisers import PostgresAdvisers
from ivr.storage.appointments import PostgresAppointments
from ivr.storage.audit import PostgresAudit
from ivr.storage.checklists import PostgresChecklists
from ivr.storage.corrections import PostgresCorrections
from ivr.storage.desk import PostgresCommands, PostgresSeats
from ivr.storage.devices import PostgresDevices
from ivr.storage.feed import PostgresFeed
from ivr.storage.films import PostgresFilms
from ivr.storage.inbound import PostgresInbox
from ivr.storage.knowledge import PostgresKnowledge
from ivr.storage.order_life import PostgresOrderDesk
from ivr.storage.outbox import PostgresOutbox
from ivr.storage.own_day import DeskSeat, PostgresOwnDays
from ivr.storage.people import PostgresMediators
from ivr.storage.picture_files import PictureFiles
from ivr.storage.pictures import PostgresPictures
from ivr.storage.provisioning import PostgresProvisioning
from ivr.storage.quality_reviews import PostgresQualityDesk
from ivr.storage.risk import PostgresRisks
from ivr.storage.rooms import PostgresRooms
from ivr.storage.search import PostgresSearch
from ivr.storage.second_factor import FactorVault
from ivr.storage.sessions import PostgresSessions
from ivr.storage.shifts import PostgresShifts
from ivr.storage.statistics import PostgresStatistics
from ivr.storage.supervision import PostgresSupervision
from ivr.storage.tasks import PostgresTasks
from ivr.storage.user_accounts import PostgresUsers
from ivr.storage.views import PostgresViews
from ivr.telephony.provisioning import PhoneFiles
from ivr.web.app import create_app
from ivr.web.inbound_scheme import SignedScheme
from tests.fakes.web_world import SHIPPED_INTAKE, FileArchive, TwoCodes
from tests.integration.web_database import WebDatabase

ADVISER_SEATS = {"PJSIP/seat-one": "8001"}
ORIGIN = "https://pages.example:12348"
PASSWORD = "correct horse battery"
SECRETS = {"region": b"r" * 40, "court": b"c" * 40}
SEATS = {
    name: BrowserSeat(name, f"{name}律师", number, ("hotline",), 30, f"secret-of-{name}")
    for name, number in (("east", "8001"), ("west", "8002"))
}
DESK_SEATS = {"east": DeskSeat("east律师", ""), "west": DeskSeat("west律师", ""), "phone": DeskSeat("电话", "8005")}
SUPERVISED = {
    name: SupervisedSeat(name, f"{name}律师", "", ("hotline",), name != "desk") for name in ("east", "west", "desk")
}
CHEAP = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
OPTIONS = WebOptions(
    recordings_dir=Path("/nonexistent"),
    static_dir=Path("/nonexistent"),
    live_poll_s=0.2,
    live_heartbeat_s=0.3,
    live_recheck_s=0.2,
)


@dataclass
class Site:
    pool: asyncpg.Pool[asyncpg.Record]
    accounts: PostgresAccounts
    services: WebServices
    server: TestServer

    @property
    def origin(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    @asynccontextmanager
    async def browser(self, name: str | None = None, password: str = PASSWORD) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with cookies, logged in when a name is given."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.origin, cookie_jar=jar, headers={"Origin": self.origin}) as client:
            if name is not None:
                async with client.post("/api/v1/session", json={"name": name, "password": password}) as response:
                    assert response.status == 200, await response.text()
            yield client

    @asynccontextmanager
    async def machine(self, *roles: str) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with a token of these roles."""
        secret = await self.accounts.create_token(f"m-{len(await self.accounts.tokens())}", roles)
        async with aiohttp.ClientSession(self.origin, headers={"Authorization": f"Bearer {secret}"}) as client:
            yield client


@asynccontextmanager
async def site(
    database: WebDatabase, *, policy: LoginPolicy | None = None, vault: FactorVault | None = None, **options: Any
) -> AsyncIterator[Site]:
    async with database.pool() as pool:
        name = await pool.fetchval("SELECT current_database()")
        vault = vault or FactorVault(b"v" * 32)
        accounts = PostgresAccounts(pool, policy, CHEAP, vault)
        services = WebServices(
            views=PostgresViews(pool),
            accounts=accounts,
            audit=PostgresAudit(pool),
            feed=PostgresFeed(pool, lambda: database.connect(name), longest_backoff_s=0.5),
            audio=FileArchive(),
            codes=TwoCodes(),
            orders=PostgresOrderDesk(pool, OrderRules(WorkTime(WorkingDays())), TwoCodes()),
            search=PostgresSearch(pool),
            partners=PartnerServices(SignedScheme(SECRETS), PostgresInbox(pool, "v1"), PostgresOutbox(pool)),
            appointments=PostgresAppointments(pool),
            statistics=PostgresStatistics(pool, Limits(), WorkTime(WorkingDays())),
            desk=DeskServices(
                SEATS, PostgresSeats(pool), PostgresCommands(pool, within_s=1.0), 8089, days=PostgresOwnDays(pool, DESK_SEATS),
                rooms=PostgresRooms(pool), thirds=[Third("station", ""), Third("8002", "李律师")], mediators=PostgresMediators(pool),
            ),
            devices=PostgresDevices(pool),
            corrections=PostgresCorrections(pool),
            quality=PostgresQualityDesk(pool),
            roster=RosterServices(PostgresShifts(pool), {"8001": "王律师", "8002": "李律师", "9001": "外线"}),
            tasks=PostgresTasks(pool, CallbackRules(), {"8001": "lawyer-8001"}, "hotline", 3),
            knowledge=KnowledgeServices(PostgresKnowledge(pool), PostgresChecklists(pool)),
            composer=SHIPPED_INTAKE,
            risks=PostgresRisks(pool, shipped_risks()),
            supervision=SupervisionServices(SUPERVISED, PostgresSupervision(pool, within_s=1.0)),
            analysis=analysis_services(Settings(), pool),
            advisers=PostgresAdvisers(pool, {}),
            provisioning=Provisioner(PostgresProvisioning(pool, 72, ADVISER_SEATS), PhoneFiles(b"k" * 32, "10.1.2.3", 5060), ORIGIN),
            second_factors=accounts.second_factors,
            films=PostgresFilms(pool, partial(open_film, replace(OPTIONS, **options).recordings_dir)),
            pictures=PostgresPictures(pool, PictureFiles(replace(OPTIONS, **options).recordings_dir)),
            privacy=privacy_services(Settings(), pool),
            sessions=PostgresSessions(pool, (policy or LoginPolicy()).idle),
            users=PostgresUsers(pool),
        )
        blocked = BlockBuster("ivr")  # a blocking call of ours inside the event loop raises
        blocked.functions["os.stat"].can_block_in("asyncpg/connect_utils.py", "_read_password_file")
        server = TestServer(create_app(services, replace(OPTIONS, **options)))
        await server.start_server()
        blocked.activate()
        try:
            yield Site(pool, accounts, services, server)
        finally:
            blocked.deactivate()
            await server.close()


class Events:
    """Server-sent events read one by one."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self, *wanted: str) -> tuple[str, int | None, Any]:
        """The next event of a wanted kind (any but clock when none is named) as (event, id, data)."""
        event, number, data = "", None, ""
        while True:
            line = (await self._response.content.readline()).decode()
            if not line:
                raise EOFError
            line = line.rstrip("\n")
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: "):
                data = line[6:]
            elif not line and event:
                if event in wanted or (not wanted and event != "clock"):
                    return event, number, json.loads(data)
                event, number, data = "", None, ""
