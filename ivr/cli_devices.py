"""`ivr devices`: the register of village video phones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_places import read_text
from ivr.cli_roster import specialities
from ivr.cli_terminal import err, out, plain_errors, system_user
from ivr.device_setup import device_desk, key_file, pages_for_devices, provisioning_desk
from ivr.domain.device import DeviceDiff, parse_devices
from ivr.domain.device_test import DeviceTest
from ivr.domain.device_use import WORDS, Use, moment
from ivr.domain.errors import BadSetting
from ivr.intake_tables import shipped_places
from ivr.ports.devices import DeviceRegister
from ivr.ports.provisioning import DeviceSecret, IssuedAddress
from ivr.settings import Settings, load_settings
from ivr.storage.devices import PostgresDevices
from ivr.storage.places import load_places, seed_places
from ivr.telephony.devices import load_key, secret_of
from ivr.telephony.provisioning import terminal_picture

devices_app = typer.Typer(help="Village video phones.", no_args_is_help=True)

T = TypeVar("T")
Reason = Annotated[str, typer.Option(help="Why, for those who read the record later.")]
_SHOWN = 12
_TESTED_WITHIN_S = 60.0


def _with_devices(work: Callable[[PostgresDevices], Awaitable[T]], settings: Settings | None = None) -> T:
    async def go() -> T:
        known = settings or load_settings()
        async with bootstrap.patient_pool(known, "cli", size=2) as pool:
            return await work(device_desk(known, pool))

    with plain_errors():
        return asyncio.run(go())


@devices_app.command("import")
def import_devices(
    file: Path, dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False
) -> None:
    """Import a CSV (device, village, helper, adviser, place, model, speciality, self_test, telephone), whole or not at all."""
    with plain_errors():
        diff = asyncio.run(_import(load_settings(), read_text(file), dry_run))
    changed = [after for _, after in diff.changed]
    for title, devices in (("新增", diff.added), ("修改", changed), ("文件中没有，保留", diff.missing)):
        if devices:
            names = "、".join(d.id for d in devices[:_SHOWN])
            told = f"{title} {len(devices)}：{names}{'……' if len(devices) > _SHOWN else ''}"
            out.print(told, markup=False, soft_wrap=True)
    out.print(f"不变 {diff.unchanged}")
    out.print("[yellow]试运行，没有写入[/yellow]" if dry_run else "[green]✓[/green] 已导入，几秒内生效")


async def _import(settings: Settings, text: str, dry_run: bool) -> DeviceDiff:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        await seed_places(pool, shipped_places())
        numbers = [s.work_number for s in settings.seats if s.work_number]
        read = parse_devices(text, await load_places(pool), numbers, specialities())
        for bad in read.bad[:200]:
            err.print(f"[red]第 {bad.line} 行[/red] ", end="")
            err.print(bad.reason, markup=False, soft_wrap=True)
        if read.bad:
            raise BadSetting(f"{len(read.bad)} 处有误，没有导入任何内容；改正后再试")
        return await PostgresDevices(pool).apply(read, actor=system_user(), dry_run=dry_run)


@devices_app.command("list")
def list_devices() -> None:
    """Show every device with its village, adviser and state."""
    register = _with_devices(lambda devices: devices.register())
    table = Table("终端", "村居", "协助人", "顾问", "状态", "自检")
    for r in register.devices:
        state = "停用" if r.device.state == "blocked" else "启用"
        tested = "是" if r.device.self_test else ""
        table.add_row(*map(Text, (r.device.id, r.village_name, r.device.helper, r.device.adviser, state, tested)))
    out.print(table)


@devices_app.command("doctor")
def doctor() -> None:
    """Say of each device: used, could be used but is not, or could not be used, since when and why. Those that need a visit."""
    register = _with_devices(lambda devices: devices.register())
    if register.as_of is None:
        out.print("[yellow]还没有问过交换机谁已注册：控制器启动后几秒内就有结果[/yellow]")
    elif (late := (register.now - register.as_of).total_seconds()) > 60:
        out.print(f"[yellow]注册情况停在 {moment(register.as_of)}（{late / 60:.0f} 分钟前）：控制器或交换机没有应答[/yellow]")
    _judge(register)


def _judge(register: DeviceRegister) -> None:
    counts: dict[Use, int] = dict.fromkeys(WORDS, 0)
    for r in register.devices:
        use = register.verdict(r).use
        counts[use] += 1
        if use != "used" or r.poor_line or r.fallbacks:
            helper = f"协助人 {r.device.helper}" if r.device.helper else ""
            told = f"{r.device.id} {r.village_name}  {register.sentence(r)}{helper}"
            out.print(told, markup=False, soft_wrap=True)
    out.print("，".join(f"{WORDS[use]} {count}" for use, count in counts.items()))


@devices_app.command("test")
def test(
    device: str, reason: Annotated[str, typer.Option(help="Why, for those who read the record later.")] = "手动自检"
) -> None:
    """Ring a device that answers by itself, play it a tone, and say what came back. Needs the controller."""

    async def go(devices: PostgresDevices) -> DeviceTest:
        number = await devices.test(device, system_user(), reason)
        out.print(f"已排队，编号 {number}；终端会显示“自检”并自动接听几秒", soft_wrap=True)
        async with asyncio.timeout(_TESTED_WITHIN_S):
            while not (ended := await devices.tested(number)):
                await asyncio.sleep(0.5)
        return ended

    try:
        told = _with_devices(go)
    except TimeoutError:
        err.print("[red]一分钟内没有结果[/red]：控制器是否在运行？结果会记在 ivr devices history")
        raise typer.Exit(1) from None
    out.print(_test_line(told), markup=False, soft_wrap=True)
    raise typer.Exit(0 if told.outcome == "passed" else 1)


def _test_line(test: DeviceTest) -> str:
    return f"自检 {moment(test.ended_at)} {'手动' if test.asked_by else '夜间'} {test.reason}"


@devices_app.command("history")
def history(device: str) -> None:
    """Show a device's last calls and self-tests, the latest first: the ladder, how sound and picture travelled."""
    told = _with_devices(lambda devices: devices.history(device))
    for call in told.calls:
        out.print(f"{moment(call.arrived_at)} {call.outcome or '进行中'} {call.ladder}", markup=False, soft_wrap=True)
        for m in call.media:
            word = "声音" if m.medium == "audio" else "画面"
            poor = "  ▲ 差" if m.poor else ""
            out.print(
                f"    {word} 丢包 {m.loss:.1%} 抖动 {m.jitter_ms:.0f} ms 往返 {m.round_trip_ms:.0f} ms"
                f"（收 {m.received} 发 {m.sent} 包）{poor}", markup=False, soft_wrap=True,
            )
    if not told.calls:
        out.print("没有通话")
    for tested in told.tests:
        out.print(_test_line(tested), markup=False, soft_wrap=True)


@devices_app.command("block")
def block(device: str, reason: Reason) -> None:
    """End a device's registration and calls within a few seconds, and let it neither register nor call until it is freed."""
    _with_devices(lambda devices: devices.block(device, system_user(), reason))
    out.print(f"[green]✓[/green] 已停用 {device}，几秒内生效")


@devices_app.command("unblock")
def unblock(device: str, reason: Reason) -> None:
    """Let a blocked device register again, with the secret it had."""
    _with_devices(lambda devices: devices.unblock(device, system_user(), reason))
    out.print(f"[green]✓[/green] 已恢复 {device}")


@devices_app.command("rotate")
def rotate(device: str, reason: Reason) -> None:
    """Make a device's secret worthless and give it another one; `ivr devices provision` then shows it."""
    _with_devices(lambda devices: devices.rotate(device, system_user(), reason))
    out.print(f"[green]✓[/green] 已更换 {device} 的密码；用 ivr devices provision {device} 查看，只显示一次")


@devices_app.command("idle-page")
def idle_page(device: str) -> None:
    """Print the address of the page that a device's own browser shows while nobody calls; set it as its start page."""
    with plain_errors():
        settings = load_settings()

    async def go() -> str:
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            return await (await provisioning_desk(settings, pool)).idle_address(device)

    with plain_errors():
        print(asyncio.run(go()))


@devices_app.command("provision")
def provision(
    device: str, reason: Annotated[str, typer.Option(help="Why, for those who read the record later.")] = "装机"
) -> None:
    """Print what one device needs, once: the address it fetches its configuration from, and server, user and secret to type in."""
    with plain_errors():
        settings = load_settings()
        key = load_key(key_file(settings))

    async def go() -> tuple[DeviceSecret, IssuedAddress | None]:
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            if pages_for_devices(settings):
                issued = await (await provisioning_desk(settings, pool)).issue(device, system_user(), reason)
                return issued.secret, issued
            shown, salt = await PostgresDevices(pool).show(device, system_user())
            return DeviceSecret(shown, salt, ""), None

    with plain_errors():
        told, issued = asyncio.run(go())
    asterisk = settings.asterisk
    print(f"server   {asterisk.sip_host}:{asterisk.sip_port}")
    print(f"user     {told.device.id}")
    print(f"secret   {secret_of(key, told.device.id, told.salt)}")
    print("key      1")
    print("codecs   PCMA PCMU H264 VP8")
    if issued is None:
        out.print("[yellow]网页没有启用 HTTPS（web.tls），只能手工填写，没有自动配置地址[/yellow]")
        return
    print(f"address  {issued.address}")
    print(f"app      {issued.soft_client}")
    print(f"page     {issued.idle_page}")
    print(f"until    {moment(issued.expires_at)}")
    print(terminal_picture(issued.soft_client))
