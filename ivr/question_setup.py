"""What the dialplan may ask during a call, and who answers: built from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.domain.appointment import SERVICES
from ivr.domain.spoken_choice import spoken_menus
from ivr.exchange_setup import choose_model, menus_in_force
from ivr.pipeline.answer_appointments import AppointmentDesk
from ivr.pipeline.answer_enquiries import ProgressDesk
from ivr.pipeline.answer_roster import RosterDesk
from ivr.pipeline.answer_spoken import SpokenDesk, SpokenLimits
from ivr.settings import Settings
from ivr.speech.phrase_recognizer import VoskPhrases
from ivr.storage.appointments import PostgresAppointments
from ivr.storage.progress import PostgresProgress
from ivr.storage.roster import PostgresRoster
from ivr.telephony.audiosocket import AudioSocketServer
from ivr.telephony.fastagi import FastAgiServer, Question

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def spoken_choice(settings: Settings) -> tuple[SpokenDesk, tuple[VoskPhrases | AudioSocketServer, ...]]:
    """Who understands callers that speak to a menu, and what must run for it: nothing where no menu hears speech. Blocking."""
    menus, speech = spoken_menus(menus_in_force(settings)), settings.speech
    limits = SpokenLimits(
        speech.spoken_slots, speech.spoken_silence_s, speech.spoken_longest_s, speech.spoken_sure, speech.spoken_doubtful,
    )
    phrases = VoskPhrases(choose_model(settings).path if menus else Path())
    desk = SpokenDesk(phrases, menus, limits)
    # A menu waits 30 s at most for a caller to begin.
    legs = AudioSocketServer(
        settings.asterisk.audiosocket_port, desk.take, within_s=40.0 + limits.longest_s, most_at_once=limits.slots + 4,
    )
    return desk, (phrases, legs) if menus else ()


def questions(settings: Settings, pool: Pool, spoken: SpokenDesk) -> FastAgiServer:
    """What the dialplan may ask during a call, and who answers; given up a second before the dialplan does."""
    enquiry = settings.enquiry
    prefixes = {t.name: t.caller_prefixes for t in settings.trunks}
    progress = ProgressDesk(
        PostgresProgress(pool), prefixes, wrong_a_day=enquiry.wrong_a_day, wrong_withheld_a_day=enquiry.wrong_withheld_a_day,
    )

    roster = RosterDesk(PostgresRoster(pool), [s.work_number for s in settings.seats if s.work_number])

    async def how_it_stands(asked: Question) -> Mapping[str, str]:
        return await progress.answer(asked.argument(0), asked.argument(1), asked.argument(2))

    appointments = AppointmentDesk(PostgresAppointments(pool), prefixes)

    async def who_is_there(asked: Question) -> Mapping[str, str]:
        return await roster.choices()

    async def who_is_meant(asked: Question) -> Mapping[str, str]:
        return await roster.meant(asked.argument(0))

    async def when_to_come(asked: Question) -> Mapping[str, str]:
        return await appointments.times(asked.name.removeprefix("slots-"), asked.argument(1), asked.argument(2))

    async def hold_a_place(asked: Question) -> Mapping[str, str]:
        return await appointments.hold(asked.argument(0), asked.argument(1), asked.argument(2), asked.unique_id)

    async def may_speak(asked: Question) -> Mapping[str, str]:
        return spoken.listen(asked.argument(0), asked.argument(1), confirming=asked.argument(2) == "confirm")

    async def what_was_said(asked: Question) -> Mapping[str, str]:
        return spoken.heard(asked.argument(0))

    responders = {
        "listen": may_speak, "heard": what_was_said,
        "progress": how_it_stands, "roster": who_is_there, "lawyer": who_is_meant, "hold": hold_a_place,
        **{f"slots-{service}": when_to_come for service in SERVICES},
    }
    return FastAgiServer(settings.asterisk.fastagi_port, responders, within_s=enquiry.wait_s - 1)
