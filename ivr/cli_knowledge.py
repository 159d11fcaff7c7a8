"""`ivr knowledge`: articles beside the call: list, read, take out as a file, bring back as new versions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors, system_user
from ivr.domain.errors import BadSetting
from ivr.domain.knowledge import parse_articles, write_articles
from ivr.domain.search_text import words_of
from ivr.domain.worktime import SHANGHAI
from ivr.intake_tables import shipped_articles
from ivr.settings import load_settings
from ivr.storage.knowledge import PostgresKnowledge, seed_articles

knowledge_app = typer.Typer(help="Articles of the knowledge base, and their one-time notices.", no_args_is_help=True)

T = TypeVar("T")
_KINDS = {"bring": "带", "where": "到", "takes": "多久", "note": "提醒"}


def _with_base(work: Callable[[PostgresKnowledge], Awaitable[T]]) -> T:
    async def go() -> T:
        async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
            await seed_articles(pool, shipped_articles())
            return await work(PostgresKnowledge(pool))

    with plain_errors():
        return asyncio.run(go())


@knowledge_app.command("list")
def articles(
    words: Annotated[str | None, typer.Argument(help="Words every article must hold, parted by spaces.")] = None,
    retired: Annotated[bool, typer.Option("--retired", help="Also those no longer used.")] = False,
) -> None:
    """The articles in force; 样文 are those that came with the program and wait for the centre's lawyers."""
    with plain_errors():
        looked_for = words_of(words) if words else ()
    table = Table("名称", "类别", "事项", "标题", "版", "清单", "谁写的", "何时", "")
    for one in _with_base(lambda b: b.find(looked_for, None, None, retired=retired)):
        a, w = one.article, one.written
        mark = "、".join(word for word, is_so in (("样文", a.sample), ("停用", a.retired)) if is_so)
        table.add_row(
            a.slug, a.category, a.matter or "–", Text(a.title), str(w.version), str(len(a.checklist) or "–"), Text(w.written_by),
            f"{w.written_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", mark,
        )
    out.print(table)


@knowledge_app.command("show")
def show(
    slug: Annotated[str, typer.Argument(help="Name of the article, see `ivr knowledge list`.")],
    version: Annotated[int | None, typer.Option(min=1, help="Default: the one in force.")] = None,
) -> None:
    """One article with its notice."""
    found = _with_base(lambda b: b.article(slug, version))
    with plain_errors():
        if found is None:
            raise BadSetting(f"没有文章 {slug[:40]}{f' 的版本 {version}' if version else ''}；有哪些见 ivr knowledge list")
    a = found.article
    out.print(Text(f"{a.title} · 版本 {found.written.version}{'（样文，待律师审核）' if a.sample else ''}\n\n{a.body}\n"))
    for statute in a.statutes:
        out.print(Text(f"依据 {statute}"))
    for item in a.checklist:
        out.print(Text(f"□ {_KINDS[item.kind]}：{item.text}"))


@knowledge_app.command("export")
def export(file: Annotated[Path, typer.Argument(help="Where to write it (TOML).")]) -> None:
    """Write every article in force into a file to be changed and brought back by `ivr knowledge import`."""
    found = _with_base(lambda b: b.find((), None, None, retired=True))
    with plain_errors():
        try:
            file.write_text(write_articles((one.article, one.written.version) for one in found), "utf-8")
        except OSError as refused:
            raise BadSetting(f"{file} 写不了：{refused}") from refused
    out.print(f"[green]✓[/green] {len(found)} 篇已写入 {file}")


@knowledge_app.command("import")
def import_articles(
    file: Annotated[Path, typer.Argument(help="A file as `ivr knowledge export` writes it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it, and say what would change.")] = False,
) -> None:
    """Bring articles back as new versions; unchanged ones stay, and one that was changed since the export is refused."""
    with plain_errors():
        try:
            told = parse_articles(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as unreadable:
            raise BadSetting(f"{file} 读不了：{unreadable}") from unreadable

    async def bring(base: PostgresKnowledge) -> tuple[int, int, list[str]]:
        written, same, refused = 0, 0, []
        for article, version in told:
            known = await base.article(article.slug)
            now = known.written.version if known else 0
            if known is not None and known.article == article:
                same += 1
            elif (version or 0) != now:
                refused.append(f"{article.slug}：文件依据版本 {version or '（没写）'}，现在是 {now or '（还没有）'}")
            else:
                written += 1
                if not dry_run:
                    await base.write(article, now, system_user())
        return written, same, refused

    written, same, refused = _with_base(bring)
    out.print(f"{'试运行：将写' if dry_run else '已写'} {written} 篇新版本，{same} 篇没有变化")
    with plain_errors():
        if refused:
            raise BadSetting("没有写入，别人改过：\n" + "\n".join(refused) + "\n请重新导出后再改。")
