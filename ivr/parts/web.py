"""The web edge: pages, API and live stream over the services wired here."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

from ivr.analysis_setup import analysis_services
from ivr.bootstrap import figure_limits, patient_pool, statistics, task_desk
from ivr.desk_setup import desk_services
from ivr.device_setup import adviser_desk, device_desk, provisioning_desk
from ivr.domain.evidence import Thresholds
from ivr.exchange_setup import certificate, database_url
from ivr.intake_tables import CodeNames, load_intake, shipped_articles, shipped_risks, shipped_tables
from ivr.order_setup import order_desk
from ivr.partner_setup import partner_services
from ivr.ports.knowledge import KnowledgeServices
from ivr.ports.roster import RosterServices
from ivr.ports.web import WebOptions, WebServices
from ivr.privacy_setup import privacy_services
from ivr.settings import PROJECT_ROOT, Settings
from ivr.speech.archive import RecordingArchive
from ivr.speech.film_spool import open_film
from ivr.storage.accounts import LoginPolicy, PostgresAccounts
from ivr.storage.appointments import PostgresAppointments
from ivr.storage.audit import PostgresAudit
from ivr.storage.checklists import PostgresChecklists
from ivr.storage.corrections import PostgresCorrections
from ivr.storage.database import connect
from ivr.storage.feed import PostgresFeed
from ivr.storage.films import PostgresFilms
from ivr.storage.knowledge import PostgresKnowledge, seed_articles
from ivr.storage.picture_files import PictureFiles
from ivr.storage.pictures import PostgresPictures
from ivr.storage.quality_reviews import PostgresQualityDesk
from ivr.storage.risk import PostgresRisks
from ivr.storage.search import PostgresSearch
from ivr.storage.second_factor import FactorVault
from ivr.storage.sessions import PostgresSessions
from ivr.storage.shifts import PostgresShifts
from ivr.storage.user_accounts import PostgresUsers
from ivr.storage.views import PostgresViews
from ivr.supervision_setup import supervision_services
from ivr.telephony.devices import load_key
from ivr.web.app import create_app
from ivr.web.server import serve
from ivr.web.tls import server_context


async def run_web(settings: Settings, stop: asyncio.Event) -> None:
    """Serve pages, API and live stream until ``stop`` is set."""
    held = await asyncio.to_thread(certificate, settings)
    url = database_url(settings)
    policy = LoginPolicy(idle=timedelta(minutes=settings.web.session_idle_minutes))
    vault = FactorVault(await asyncio.to_thread(load_key, second_factor_key(settings)), settings.web.second_factor_roles)
    async with patient_pool(settings, "web", size=16) as pool:
        await seed_articles(pool, await asyncio.to_thread(shipped_articles))
        accounts = PostgresAccounts(pool, policy, vault=vault)
        services = WebServices(
            views=PostgresViews(pool),
            accounts=accounts,
            audit=PostgresAudit(pool),
            feed=PostgresFeed(pool, lambda: connect(url, application="web-feed")),
            audio=RecordingArchive(),
            codes=CodeNames(shipped_tables()),
            search=PostgresSearch(pool),
            partners=partner_services(settings, pool),
            appointments=PostgresAppointments(pool),
            statistics=statistics(settings, pool),
            orders=order_desk(settings, pool),
            desk=await desk_services(settings, pool),
            devices=device_desk(settings, pool),
            supervision=supervision_services(settings, pool),
            risks=PostgresRisks(pool, shipped_risks()),
            corrections=PostgresCorrections(pool),
            quality=PostgresQualityDesk(pool),
            tasks=task_desk(settings, pool),
            knowledge=KnowledgeServices(PostgresKnowledge(pool), PostgresChecklists(pool)),
            roster=RosterServices(
                PostgresShifts(pool), {s.work_number: s.operator or s.name for s in settings.seats if s.work_number}
            ),
            composer=await load_intake(pool, Thresholds(**settings.intake.model_dump())),
            analysis=analysis_services(settings, pool),
            advisers=adviser_desk(settings, pool),
            provisioning=await provisioning_desk(settings, pool),
            second_factors=accounts.second_factors,
            sessions=PostgresSessions(pool, policy.idle),
            users=PostgresUsers(pool),
            films=PostgresFilms(pool, partial(open_film, settings.recordings_dir)),
            pictures=PostgresPictures(pool, PictureFiles(settings.recordings_dir)),
            privacy=privacy_services(settings, pool),
        )
        wss = settings.asterisk.wss_port
        options = WebOptions(
            recordings_dir=settings.recordings_dir, static_dir=PROJECT_ROOT / "ivr/web/static", tls=held is not None,
            connect_sources=(f"wss://{{host}}:{wss}",) if wss else (), figure_limits=figure_limits(settings),
            connection_goal=settings.figures.connection_goal, token_requests_a_minute=settings.web.token_requests_a_minute,
        )
        context = server_context(held) if held else None
        await serve(create_app(services, options), settings.web.host, settings.web.port, context, stop)


def second_factor_key(settings: Settings) -> Path:
    """What the secrets of second factors are sealed with; every machine that serves pages needs the same one."""
    return settings.state_dir / "second-factor.key"
