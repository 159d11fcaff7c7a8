"""Volumes that fill up, turn read-only, slow or deaf: told within seconds, in words that say what to do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from ivr.domain.errors import Unavailable
from ivr.ports.pipeline import Alarms, VolumeLook, VolumeProbe

log = structlog.get_logger(__name__)

_EVERY_S = 2.0
_SLOW_S = 1.0
_STORE_WITHIN_S = 5.0
_LOOKS_BEFORE_SLOW = 2
_LOOKS_BEFORE_MILDER = 3
_CLEAR_SHARE = 1.1
_SEVERITY = {"": 0, "low": 1, "slow": 2}
_HARD = 3

_SENTENCES = {
    "full": "{title}已写满：{consequence}。请清理或扩容 {folder}，有了空间会自动恢复。",
    "no_inodes": "{title}的文件数已用完（空间还有）：{consequence}。请删除 {folder} 所在磁盘上不需要的文件，会自动恢复。",
    "read_only": "{title}变成只读：{consequence}。多半是磁盘出错，请查看系统日志（dmesg），修好后把 {folder} 重新挂载为可写。",
    "hung": "{title}没有反应，写一个小文件 {seconds:.0f} 秒还没写完：{consequence}。请检查磁盘或网络存储的连接（{folder}）。",
    "refused": "{title}写不进去（{detail}）：{consequence}。请检查 {folder} 的权限和磁盘。",
    "slow": "{title}太慢，写一个小文件用了 {seconds:.1f} 秒：{consequence}。请检查磁盘是否将坏，或被别的程序占满（{folder}）。",
    "low": "{title}只剩 {free_mb} MB：写满以后，{consequence}。请清理或扩容 {folder}。",
}


@dataclass(frozen=True, slots=True)
class Volume:
    """One place that must be writable. ``name`` is the alarm's; ``consequence`` says what a fault costs, for people."""

    name: str
    title: str
    folder: str
    consequence: str
    reserve_bytes: int


def watched_volumes(recordings: Path, ledger: Path, database: Path | None, reserve_bytes: int) -> list[Volume]:
    """The three that a hotline writes to; ``database`` is None when it lies elsewhere and watches its own."""
    found = [
        Volume("recordings_disk", "录音磁盘", str(recordings), "通话照常进行，但新录音可能丢失", reserve_bytes),
        Volume("ledger_disk", "账本磁盘", str(ledger), "通话照常进行，但新来电可能记不下来，工单会缺失", reserve_bytes),
    ]
    if database is not None:
        consequence = "通话照常进行，来电和工单等数据库能写时自动补齐"
        found.append(Volume("database_disk", "数据库磁盘", str(database), consequence, reserve_bytes))
    return found


class VolumeWatch:
    """Looks at one volume every two seconds; its alarm stands while something is wrong and goes by itself.

    A fault is told at the first look, slowness at the second. A milder state (also: well again) must be seen three
    times in a row, and space must exceed the reserve by a tenth, so that an alarm does not flap.
    """

    def __init__(self, volume: Volume, probe: VolumeProbe, alarms: Alarms, *, every_s: float = _EVERY_S) -> None:
        self._volume = volume
        self._probe = probe
        self._alarms = alarms
        self._every_s = every_s
        self._state = ""
        self._seen = ("", 0)
        self._text = ""
        self._stored: str | None = None

    async def run(self) -> None:
        """Ends only when cancelled. A database that is away delays the alarm on the pages, never the one in the log."""
        while True:
            look = await self._probe.look()
            before = self._state
            self._state = self._judged(look)
            if self._state != before:
                self._text = fault_text(self._volume, self._state, look) if self._state else ""
                if self._state:
                    log.error("volume_fault", volume=self._volume.name, state=self._state, free_mb=look.free_bytes >> 20,
                              seconds=round(look.seconds, 2), text=self._text)
                else:
                    log.warning("volume_well", volume=self._volume.name, free_mb=look.free_bytes >> 20)
            if self._stored != self._text:
                await self._store()
            await asyncio.sleep(self._every_s)

    def _judged(self, look: VolumeLook) -> str:
        limit = self._volume.reserve_bytes * (_CLEAR_SHARE if self._state else 1.0)
        found = judged(look, limit)
        self._seen = (found, self._seen[1] + 1 if self._seen[0] == found else 1)
        milder = _SEVERITY.get(found, _HARD) < _SEVERITY.get(self._state, _HARD)
        needed = _LOOKS_BEFORE_MILDER if milder else _LOOKS_BEFORE_SLOW if found == "slow" else 1
        return found if self._seen[1] >= needed else self._state

    async def _store(self) -> None:
        text = self._text
        try:
            async with asyncio.timeout(_STORE_WITHIN_S):
                if text:
                    await self._alarms.raised(self._volume.name, text)
                else:
                    await self._alarms.cleared(self._volume.name)
        except (Unavailable, TimeoutError) as away:
            log.warning("alarm_not_stored_yet", name=self._volume.name, reason=str(away) or "no answer")
        else:
            self._stored = text


def judged(look: VolumeLook, reserve_bytes: float) -> str:
    """One look's state: the fault, ``slow``, ``low``, or '' when all is well."""
    return look.fault or ("slow" if look.seconds > _SLOW_S else "low" if look.free_bytes < reserve_bytes else "")


def fault_text(volume: Volume, state: str, look: VolumeLook) -> str:
    """What happened, what it costs and what to do."""
    return _SENTENCES[state].format(
        title=volume.title, folder=volume.folder, consequence=volume.consequence, detail=look.detail,
        seconds=look.seconds, free_mb=look.free_bytes >> 20,
    )
