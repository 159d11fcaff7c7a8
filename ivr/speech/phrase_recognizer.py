"""Vosk with a grammar of a few phrases, for callers who speak to a menu: a host of its own with children for utterances."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from ivr.domain.end_of_speech import SAMPLE_RATE
from ivr.domain.errors import RecognizerFailed, Unavailable
from ivr.domain.spoken_choice import UNKNOWN, Said, grammar
from ivr.speech.decoder_process import DecoderChild, DecoderDied, DecoderHost

log = structlog.get_logger(__name__)

_LOOK_EVERY_S: Final = 1.0
_AGAIN_AFTER_S: Final = 30.0
_UTTERANCES_PER_CHILD: Final = 200
_CPU_BUDGET: Final = {"least_s": 10.0, "per_audio_second": 2.0}


def vocabulary(model: Path) -> frozenset[str]:
    """The words a model knows (``graph/words.txt``); empty when it does not tell. Blocking."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = (model / "graph/words.txt").read_text("utf-8").splitlines()
        return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith(("<", "#")))
    return frozenset()


def takes_phrases(model: Path) -> bool:
    """Whether a model's graph is built while it runs; one with a fixed graph hears freely and takes no grammar."""
    return (model / "graph/Gr.fst").is_file()


class VoskPhrases:
    """Implements ``ivr.ports.spoken.PhraseRecognizer``; ``run`` owns every process it starts.

    Whoever asks bounds how many utterances are heard at once. One not heard ``within_s`` is given up with its child.
    """

    def __init__(self, model: Path, *, within_s: float = 2.0, load_timeout_s: float = 180.0) -> None:
        self._model = model
        self._within_s = within_s
        self._load_timeout_s = load_timeout_s
        self._host: DecoderHost | None = None
        self._idle: list[DecoderChild] = []
        self._vocabulary: frozenset[str] = frozenset()
        self._grammars: dict[tuple[str, ...], list[str]] = {}

    @property
    def ready(self) -> bool:
        """Whether the model is loaded and its host lives."""
        return self._host is not None and self._host.alive

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the host and its children, the host first; empty when none runs."""
        return (self._host.pid, *sorted(self._host.running)) if self._host and self._host.alive else ()

    async def run(self) -> None:
        """Keep a host with the model running until cancelled; it ends with this task."""
        self._vocabulary = await asyncio.to_thread(vocabulary, self._model)
        while True:
            try:
                self._host = await DecoderHost.start(self._model, self._load_timeout_s)
                log.info("spoken_choice_ready", model=self._model.name)
                while self._host.alive:
                    await asyncio.sleep(_LOOK_EVERY_S)
                log.warning("spoken_choice_host_died", model=self._model.name)
            except Unavailable as problem:
                log.error("spoken_choice_not_heard", reason=str(problem))
                await asyncio.sleep(_AGAIN_AFTER_S)
            finally:
                host, self._host = self._host, None
                for child in self._idle:
                    child.retire()
                self._idle.clear()
                if host is not None:
                    await host.stop()

    async def hear(self, sound: bytes, phrases: Sequence[str]) -> list[Said]:
        """The words of an utterance, ``[unk]`` for what fits no phrase; raises RecognizerFailed."""
        child: DecoderChild | None = None
        last: dict[str, Any] = {}
        try:
            async with asyncio.timeout(self._within_s):
                child = await self._take_child()
                heard_with = self._grammar(tuple(phrases))
                job = {"utterance": len(sound), "rate": SAMPLE_RATE, "phrases": heard_with, "cpu_budget": _CPU_BUDGET}
                await child.ask(job, sound)
                async with contextlib.aclosing(child.answers()) as answers:
                    last = [answer async for answer in answers][-1]
        except TimeoutError:
            _kill(child)
            raise RecognizerFailed(f"an utterance took more than {self._within_s:g} s and was given up") from None
        except (DecoderDied, Unavailable) as death:
            _kill(child)
            raise RecognizerFailed(str(death)) from None
        except BaseException:
            _kill(child)
            raise
        self._give_back(child)
        if "heard" not in last:
            raise RecognizerFailed(str(last.get("failed", "the decoder gave no answer")))
        return [Said(text, confidence) for text, confidence in last["heard"]]

    def _grammar(self, phrases: tuple[str, ...]) -> list[str]:
        """The phrases for this model; empty for one that hears freely. What it cannot hear is logged once."""
        if not takes_phrases(self._model):
            return []
        if phrases not in self._grammars:
            known, lost = grammar(phrases, self._vocabulary)
            if lost:
                log.warning("phrases_unknown_to_model", model=self._model.name, phrases=lost)
            self._grammars[phrases] = [*known, UNKNOWN]
        return self._grammars[phrases]

    async def _take_child(self) -> DecoderChild:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            child.retire()
        if self._host is None:
            raise Unavailable("no recogniser is running")
        return await self._host.fork(urgent=True)

    def _give_back(self, child: DecoderChild) -> None:
        if child.alive and child.jobs_done < _UTTERANCES_PER_CHILD:
            self._idle.append(child)
        else:
            child.retire()


def _kill(child: DecoderChild | None) -> None:
    if child is not None:
        child.kill()
