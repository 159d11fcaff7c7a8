"""Published scorecards: kept as their files, read through the parser that admitted them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ivr.domain.errors import BadSetting
from ivr.domain.scorecard import Scorecard, parse_scorecard
from ivr.ports.quality import PublishedCard
from ivr.storage.audit import append_row

if TYPE_CHECKING:
    from ivr.storage.database import Connection

SHIPPED = "shipped"
_LOCK = 0x1234_8A27  # advisory lock: one publication at a time
_MOST = 200


async def card_in_force(connection: Connection) -> PublishedCard | None:
    """The card published last; None before the first."""
    return _published(await connection.fetchrow("SELECT * FROM scorecard ORDER BY id DESC LIMIT 1"))


async def card_of(connection: Connection, version: str) -> PublishedCard | None:
    """One version."""
    return _published(await connection.fetchrow("SELECT * FROM scorecard WHERE version = $1", version))


async def every_card(connection: Connection) -> list[PublishedCard]:
    """Every version, the one in force first."""
    rows = await connection.fetch("SELECT * FROM scorecard ORDER BY id DESC LIMIT $1", _MOST)
    return [card for row in rows if (card := _published(row)) is not None]


async def seed_card(connection: Connection, text: str) -> None:
    """Publish the shipped card unless the office has its own in force, or this one is there."""
    card = parse_scorecard(text)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    in_force = await card_in_force(connection)
    if in_force is not None and in_force.published_by != SHIPPED:
        return
    if await card_of(connection, card.version) is None:
        await connection.execute(
            "INSERT INTO scorecard (version, text, published_by) VALUES ($1, $2, $3)", card.version, text, SHIPPED
        )


async def publish_card(connection: Connection, text: str, by: str, *, dry_run: bool) -> Scorecard:
    """See ivr.ports.quality.QualityDesk.publish. The version in force published again is no error."""
    card = parse_scorecard(text)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    known, in_force = await card_of(connection, card.version), await card_in_force(connection)
    if known is not None and known.text != text:
        raise BadSetting(f"版本 {card.version} 已经发布，内容不同。发布过的评分卡不能改，请换一个版本号。")
    if known is not None and in_force is not None and in_force.card.version != card.version:
        raise BadSetting(f"版本 {card.version} 是旧版。要再用它，请换一个版本号发布。")
    if known is None and not dry_run:
        await connection.execute("INSERT INTO scorecard (version, text, published_by) VALUES ($1, $2, $3)", card.version, text, by)
        await append_row(connection, by, "quality.card_published", card.version, {"criteria": len(card.criteria)})
    return card


def _published(row: Any) -> PublishedCard | None:
    if row is None:
        return None
    return PublishedCard(parse_scorecard(row["text"]), row["text"], row["published_by"], row["published_at"])
