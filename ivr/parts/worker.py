"""The worker: turns recorded tracks into words."""

from __future__ import annotations

import asyncio
import os
import socket

import structlog

from ivr.bootstrap import patient_pool
from ivr.exchange_setup import choose_model
from ivr.intake_tables import shipped_risks
from ivr.order_setup import work_orders
from ivr.pipeline.follow_recordings import RecordingFollower
from ivr.pipeline.transcribe import TranscriptionWorker
from ivr.settings import Settings
from ivr.speech.recognizer import VoskRecognizer
from ivr.storage.live_words import PostgresLiveWords
from ivr.storage.recordings import PostgresTracks

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Transcribe until ``stop`` is set; tracks in hand are finished first."""
    choice = choose_model(settings)
    log.info("model_chosen", model=choice.name, tiny=choice.is_tiny)
    slots = settings.speech.slots
    async with patient_pool(settings, "worker", size=slots + 3) as pool, VoskRecognizer(choice.path, slots=slots) as ears:
        risks = shipped_risks()
        tracks = PostgresTracks(pool, await work_orders(settings, pool), risks)
        name = f"{socket.gethostname()}:{os.getpid()}"
        follower = RecordingFollower(
            name, tracks, ears, settings.recordings_dir, settings.speech.followed_tracks, words=PostgresLiveWords(pool, risks),
        )
        worker = TranscriptionWorker(name, tracks, ears, settings.recordings_dir, slots, follower=follower)
        running = asyncio.create_task(worker.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        worker.drain()
        stopping.cancel()
        await running
