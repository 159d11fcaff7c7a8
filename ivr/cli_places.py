"""`ivr places`: the gazetteer of towns and villages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ivr import bootstrap
from ivr.cli_terminal import err, out, plain_errors
from ivr.domain.errors import BadSetting
from ivr.domain.places import Place, PlacesDiff, diff_places, parse_places
from ivr.intake_tables import shipped_places
from ivr.settings import load_settings
from ivr.storage.places import apply_places, load_places, seed_places

places_app = typer.Typer(help="Towns and villages callers may name.", no_args_is_help=True)
_LARGEST = 4 << 20


@places_app.command("list")
def list_places() -> None:
    """Show every place; placeholders stand for villages whose names are not known yet."""
    table = Table("code", "name", "kind", "town", "aliases", "status")
    for place in asyncio.run(_stored()):
        table.add_row(place.code, place.name, place.kind, place.town_code, " ".join(place.aliases), place.status)
    out.print(table)


@places_app.command("import")
def import_places(
    file: Path, dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False
) -> None:
    """Import a CSV (code, name, kind, town_code, aliases, status). With any bad row nothing is changed."""
    with plain_errors():
        text = read_text(file)
        diff = asyncio.run(_import(text, dry_run))
    for title, places in (("新增", diff.added), ("替换占位", diff.replaced_placeholders), ("文件中没有，保留", diff.missing)):
        if places:
            out.print(f"{title} {len(places)}：{'、'.join(p.name for p in places[:12])}{'……' if len(places) > 12 else ''}")
    for before, after in diff.changed:
        out.print(f"修改 {after.code}：{before.name} → {after.name}")
    out.print(f"不变 {len(diff.unchanged)}")
    out.print("[yellow]试运行，没有写入[/yellow]" if dry_run else "[green]✓[/green] 已导入；新来电的工单在各服务重启后使用新地名")


def read_text(file: Path) -> str:
    """The file's text in UTF-8 or GB18030, which is what office programs here write."""
    try:
        if file.stat().st_size > _LARGEST:
            raise BadSetting(f"{file} is larger than 4 MiB; a gazetteer is not")
        data = file.read_bytes()
    except OSError as wrong:
        raise BadSetting(f"{file} cannot be read: {wrong.strerror}") from wrong
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadSetting(f"{file} is neither UTF-8 nor GB18030 text; save it as CSV UTF-8")


async def _stored() -> list[Place]:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        await seed_places(pool, shipped_places())
        return await load_places(pool)


async def _import(text: str, dry_run: bool) -> PlacesDiff:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        await seed_places(pool, shipped_places())
        existing = await load_places(pool)
        parsed = parse_places(text, [p.code for p in existing if p.kind == "town"])
        if parsed.bad:
            for bad in parsed.bad[:200]:
                err.print(f"[red]第 {bad.line} 行[/red] ", end="")
                err.print(bad.reason, markup=False)
            raise BadSetting(f"{len(parsed.bad)} 行有误，没有导入任何内容；改正后再试")
        diff = diff_places(existing, parsed.places)
        if not dry_run:
            await apply_places(pool, diff)
        return diff
