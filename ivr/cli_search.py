"""`ivr search`: words in transcripts and orders, on the server's own terminal; an audit row like any search."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from datetime import datetime, time
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors
from ivr.domain.search_text import excerpt, words_of
from ivr.domain.worktime import SHANGHAI
from ivr.ports.search import SearchFilter, SearchHit
from ivr.settings import Settings, load_settings
from ivr.storage.audit import PostgresAudit
from ivr.storage.search import PostgresSearch

_SPEAKERS = {"caller": "市民", "operator": "坐席", "": ""}


def search(
    words: Annotated[list[str], typer.Argument(help="Words of two characters or more; all of them stand in one text.")],
    start: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From this day on.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Before this day.")] = None,
    category: Annotated[str | None, typer.Option(help="Code of the order's category.")] = None,
    town: Annotated[str | None, typer.Option(help="Code of a town or village.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Most texts shown.")] = 20,
) -> None:
    """Find words in transcripts and orders, the newest first; confidential orders stay out."""
    with plain_errors():
        query = " ".join(words)
        wanted = SearchFilter(words_of(query), _midnight(start), _midnight(end), category, town, limit)
        hits = asyncio.run(_found(load_settings(), query, wanted))
    table = Table("时间", *(Column(title, no_wrap=True) for title in ("工单", "来电", "秒")), "", "")
    for hit in hits:
        around = excerpt(hit.text, wanted.words)
        text = Text(around.text)
        for span in around.spans:
            text.stylize("bold red", span.start, span.end)
        second = "" if hit.words_at_s is None else f"{hit.words_at_s:.1f}"
        table.add_row(
            f"{hit.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", hit.order_number, hit.linked_id, second,
            _SPEAKERS[hit.track] if hit.part == "segment" else hit.part, text,
        )
    out.print(table if hits else "没有找到")


def _midnight(day: datetime | None) -> datetime | None:
    return None if day is None else datetime.combine(day.date(), time(), SHANGHAI)


async def _found(settings: Settings, query: str, wanted: SearchFilter) -> Sequence[SearchHit]:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        hits = await PostgresSearch(pool).find(wanted)
        await PostgresAudit(pool).append(f"cli:{getpass.getuser()}", "search", query, {"hits": len(hits)})
        return hits
