"""What is missing or unhealthy, in plain words, with what to do; each check stands alone and never raises."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from ivr import bootstrap, exchange_setup
from ivr.domain.errors import IvrError
from ivr.pipeline.watch_volumes import fault_text, judged
from ivr.ports_in_use import refuse_ports_in_use
from ivr.settings import PROJECT_ROOT, Settings
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.probe import may_run_commands, probe
from ivr.volume_probe import FolderProbe

_EACH_WITHIN_S = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: its state, what was seen, and what to do when it is not well."""

    subject: str
    state: Literal["ok", "warning", "fault"]
    text: str
    remedy: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Every check, side by side, each within 15 seconds."""
    checks: list[tuple[str, Callable[[Settings], Awaitable[Finding]]]] = [
        ("Asterisk", _asterisk), ("AMI", _ami), ("数据库", _database), ("语音模型", _model), ("语音合成", _voice),
        ("磁盘", _disk), ("端口", _ports), ("网页", _pages), ("坐席与中继", _phones),
    ]
    return list(await asyncio.gather(*(_guarded(subject, check, settings) for subject, check in checks)))


async def _guarded(subject: str, check: Callable[[Settings], Awaitable[Finding]], settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(_EACH_WITHIN_S):
            return await check(settings)
    except TimeoutError:
        return Finding(subject, "fault", f"{_EACH_WITHIN_S} 秒内没有回应", "查看 `ivr run` 的日志")
    except (IvrError, OSError) as failed:
        text, _, remedy = str(failed).partition("; ")
        return Finding(subject, "fault", text, remedy)


async def _asterisk(settings: Settings) -> Finding:
    root = await asyncio.to_thread(find_asterisk, settings.asterisk.root, exchange_setup.cache_folder())
    return Finding("Asterisk", "ok", f"{'.'.join(map(str, root.version))}，位于 {root.root}")


def _running(settings: Settings) -> bool:
    return (exchange_setup.Places(settings.state_dir).asterisk / "run/asterisk.ctl").exists()


async def _ami(settings: Settings) -> Finding:
    if not _running(settings):
        return Finding("AMI", "warning", "Asterisk 没有运行，无法检查", "运行 `make run`")
    held, port = exchange_setup.credentials(settings), settings.asterisk.ami_port
    answer = await asyncio.to_thread(probe, port, held.ami_probe)
    for user, secret in (("probe", held.ami_probe), ("controller", held.ami_controller)):
        if await asyncio.to_thread(may_run_commands, port, user, secret):
            remedy = "撤销对 manager.conf 的改动，重新运行 `make run`"
            return Finding("AMI", "fault", f"用户 {user} 能执行命令，权限过大", remedy)
    text = f"Asterisk {answer.version} 应答正常，进行中的通话 {answer.calls} 路；两个用户都不能执行命令"
    return Finding("AMI", "ok", text)


async def _database(settings: Settings) -> Finding:
    url = exchange_setup.database_url(settings)
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as away:
        if settings.database_url:
            return Finding("数据库", "fault", f"连接失败：{away}", "检查 IVR_DATABASE_URL 的地址、用户和密码")
        return Finding("数据库", "warning", "内置数据库没有运行", "运行 `make run`，或设置 IVR_DATABASE_URL")
    try:
        version = await connection.fetchval("SHOW server_version")
        if int(str(version).split(".")[0]) < 15:
            return Finding("数据库", "fault", f"PostgreSQL {version} 太旧", "使用 15 或更新的版本")
        present = await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
        revision = await connection.fetchval("SELECT version_num FROM alembic_version") if present else None
    finally:
        await connection.close()
    from ivr.storage.migrate import latest  # alembic is slow to import

    if revision != latest():
        return Finding("数据库", "fault", f"结构版本 {revision or '空'}，需要 {latest()}", "运行 `ivr migrate`")
    return Finding("数据库", "ok", f"PostgreSQL {version}，结构版本 {revision}")


async def _model(settings: Settings) -> Finding:
    choice = await asyncio.to_thread(exchange_setup.choose_model, settings)
    if choice.is_tiny:
        remedy = "真实热线请运行 `ivr models fetch vosk-model-small-cn-0.22`"
        return Finding("语音模型", "warning", "只有自带的小模型，它只认识合成语音", remedy)
    return Finding("语音模型", "ok", choice.name)


async def _voice(settings: Settings) -> Finding:
    if shutil.which("espeak-ng"):
        return Finding("语音合成", "ok", "espeak-ng 可用")
    return Finding("语音合成", "fault", "没有 espeak-ng，提示音无法生成", "运行 `make setup`")


def _existing(folder: Path) -> Path:
    return next(p for p in (folder, *folder.parents) if p.exists())


async def _disk(settings: Settings) -> Finding:
    text = ""
    for volume in bootstrap.volumes(settings):
        folder = await asyncio.to_thread(_existing, Path(volume.folder))
        look = await FolderProbe(folder).look()
        state = judged(look, volume.reserve_bytes)
        if state:
            text, _, remedy = fault_text(volume, state, look).partition("。")
            return Finding("磁盘", "warning" if state == "slow" else "fault", text, remedy)
        if volume.name == "recordings_disk":
            hours = look.free_bytes / 32_000 / 3600
            text = f"{folder} 剩余 {look.free_bytes / (1 << 30):.1f} GB，约可录 {hours:.0f} 小时通话"
    return Finding("磁盘", "ok", f"{text}；账本和数据库的磁盘都能写入")


async def _ports(settings: Settings) -> Finding:
    if _running(settings):
        return Finding("端口", "ok", "由正在运行的服务使用")
    await asyncio.to_thread(refuse_ports_in_use, settings)
    return Finding("端口", "ok", "全部空闲")


async def _pages(settings: Settings) -> Finding:
    if (PROJECT_ROOT / "ivr/web/static/index.html").exists():
        return Finding("网页", "ok", "页面已构建")
    return Finding("网页", "fault", "页面还没有构建", "运行 `make pages`")


async def _phones(settings: Settings) -> Finding:
    seats, trunks = len(settings.seats), len(settings.trunks)
    if not seats or not trunks:
        text = f"坐席 {seats} 个，中继 {trunks} 条，电话打不进来或没人接"
        return Finding("坐席与中继", "warning", text, "见 docs/how-to/first-phones.md")
    return Finding("坐席与中继", "ok", f"坐席 {seats} 个，中继 {trunks} 条")
