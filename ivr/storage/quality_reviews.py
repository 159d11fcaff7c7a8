"""People's part of quality review: lists, marks in rounds, one appeal for each call; nothing written is ever changed.

Whose call it is decides who may act: nobody marks a call of their own, and who marked it does not decide the appeal.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ivr.domain.errors import NotFound
from ivr.domain.quality_sample import Reason
from ivr.domain.scorecard import MarkLine, Scorecard, SheetLine, human_marks
from ivr.ports.quality import (
    Appeal,
    AppealDecision,
    MachineCheck,
    Mark,
    OtherSeat,
    PublishedCard,
    Review,
    ReviewCounts,
    ReviewFilter,
    ReviewRefused,
    ReviewRow,
)
from ivr.storage.audit import append_row
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.quality_checks import pick_call, reasons_of, results_of
from ivr.storage.scorecards import card_in_force, card_of, every_card, publish_card

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

# One row a call: its newest check, its newest mark, its appeal. A mark of before a check's person was known keeps its own.
_ROW: Final = """
    SELECT k.linked_id, k.arrived_at, k.operator, coalesce(nullif(u.display_name, ''), k.operator) AS operator_name, k.seat,
           CASE WHEN c.answered_at IS NOT NULL THEN
                extract(epoch FROM coalesce(c.talk_ended_at, c.ended_at) - c.answered_at)::float8 END AS talk_s,
           c.rating, coalesce(p.reasons::text, '[]') AS reasons, k.score AS machine_score, k.fatal AS machine_fatal,
           CASE WHEN a.linked_id IS NOT NULL AND a.decision IS NULL THEN 'appealed' WHEN a.decision IS NOT NULL THEN 'decided'
                WHEN m.id IS NOT NULL THEN 'scored' ELSE 'open' END AS state,
           m.score, coalesce(m.fatal, false) AS fatal, coalesce(m.scorer, '') AS scorer,
           coalesce(o.confidential, false) AS confidential, coalesce(o.number, '') AS order_number
      FROM (SELECT DISTINCT ON (linked_id) * FROM quality_check WHERE {which} ORDER BY linked_id, checked_at DESC) k
      JOIN call c ON c.linked_id = k.linked_id
      LEFT JOIN quality_pick p ON p.linked_id = k.linked_id
      LEFT JOIN LATERAL (SELECT * FROM quality_mark WHERE linked_id = k.linked_id ORDER BY round DESC LIMIT 1) m ON true
      LEFT JOIN quality_appeal a ON a.linked_id = k.linked_id
      LEFT JOIN app_user u ON u.name = k.operator
      LEFT JOIN work_order_call oc ON oc.linked_id = k.linked_id LEFT JOIN work_order o ON o.id = oc.order_id"""
_PICKED: Final = "linked_id IN (SELECT linked_id FROM quality_pick)"


class PostgresQualityDesk:
    """ivr.ports.quality.QualityDesk."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def card(self, version: str | None) -> PublishedCard | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            return await (card_in_force(connection) if version is None else card_of(connection, version))

    async def cards(self) -> Sequence[PublishedCard]:
        """See the port."""
        async with transaction(self._pool) as connection:
            return await every_card(connection)

    async def publish(self, text: str, by: str, *, dry_run: bool) -> Scorecard:
        """See the port."""
        async with transaction(self._pool) as connection:
            return await publish_card(connection, text, by, dry_run=dry_run)

    async def picked(self, wanted: ReviewFilter) -> Sequence[ReviewRow]:
        """See the port."""
        return await self._listed(_PICKED, wanted)

    async def own(self, operator: str, wanted: ReviewFilter) -> Sequence[ReviewRow]:
        """See the port."""
        return await self._listed("operator = $1", wanted, operator)

    async def counts(self) -> ReviewCounts:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT (SELECT count(*) FROM quality_pick p WHERE NOT EXISTS"
                " (SELECT FROM quality_mark m WHERE m.linked_id = p.linked_id))::int AS open,"
                " (SELECT count(*) FROM quality_appeal WHERE decision IS NULL)::int AS appealed"
            )
        return ReviewCounts(**row) if row is not None else ReviewCounts(0, 0)

    async def review(self, linked_id: str) -> Review | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            found = await connection.fetchrow(_ROW.format(which="linked_id = $1"), linked_id)
            if found is None:
                return None
            check = await connection.fetchrow(
                "SELECT card_version, results::text AS results, measures::text AS measures, score, fatal, checked_at,"
                " holds::text AS holds, stretches::text AS stretches, others::text AS others"
                " FROM quality_check WHERE linked_id = $1 ORDER BY checked_at DESC LIMIT 1", linked_id,
            )
            assert check is not None  # the row is made from it
            marks = await _marks(connection, linked_id)
            version = marks[-1].card_version if marks else check["card_version"]
            published = await card_of(connection, version)
            appeal = await _appeal(connection, linked_id)
            others = await _others(connection, check["others"])
        told = MachineCheck(**{
            **dict(check), "results": results_of(check["results"]), "measures": json.loads(check["measures"]),
            "holds": [tuple(span) for span in json.loads(check["holds"])],
            "stretches": [tuple(span) for span in json.loads(check["stretches"])], "others": others,
        })
        return Review(_row(found), told, published.card if published else None, marks, appeal)

    async def score(self, linked_id: str, sheet: Sequence[SheetLine], note: str, scorer: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, linked_id)
            operator = await _whose(connection, linked_id)
            if operator == scorer:
                raise ReviewRefused("This is a call of your own: somebody else must score it.")
            marks = await _marks(connection, linked_id)
            if await _appeal(connection, linked_id) is not None:
                raise ReviewRefused("The operator has appealed: the marks stay until the appeal is decided.")
            if marks and marks[-1].scorer != scorer:
                raise ReviewRefused(f"{marks[-1].scorer} has scored this call already.")
            score = await self._mark(connection, linked_id, operator, sheet, note, scorer, len(marks) + 1)
            await pick_call(connection, linked_id, [Reason("chosen", by=scorer)])
            await append_row(connection, scorer, "quality.scored", linked_id, {"round": len(marks) + 1, "score": f"{score:g}"})
            await append(connection, "call", linked_id)

    async def appeal(self, linked_id: str, words: str, operator: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, linked_id)
            if not operator or await _whose(connection, linked_id) != operator:
                raise NotFound("There is no mark of yours for this call.")
            if not await _marks(connection, linked_id):
                raise ReviewRefused("Nobody has scored this call yet.")
            new = await connection.fetchval(
                "INSERT INTO quality_appeal (linked_id, appellant, words) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
                " RETURNING true", linked_id, operator, words,
            )
            if not new:
                raise ReviewRefused("You have appealed already; a call is appealed once.")
            await append_row(connection, operator, "quality.appealed", linked_id, {"words": words})
            await append(connection, "call", linked_id)

    async def decide(
        self, linked_id: str, decision: AppealDecision, reason: str, sheet: Sequence[SheetLine], by: str
    ) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, linked_id)
            operator = await _whose(connection, linked_id)
            appeal, marks = await _appeal(connection, linked_id), await _marks(connection, linked_id)
            if appeal is None:
                raise NotFound("Nobody has appealed for this call.")
            if appeal.decision is not None:
                raise ReviewRefused("Somebody has decided this appeal already.")
            if by in (operator, appeal.appellant):
                raise ReviewRefused("This is a call of your own: somebody else must decide.")
            if by in {mark.scorer for mark in marks}:
                raise ReviewRefused("You have scored this call: somebody else must decide the appeal.")
            if decision == "kept" and sheet:
                raise ReviewRefused("Marks that are kept take no new sheet.")
            await connection.execute(
                "UPDATE quality_appeal SET decision = $2, reason = $3, decided_by = $4, decided_at = clock_timestamp()"
                " WHERE linked_id = $1", linked_id, decision, reason, by,
            )
            told: dict[str, str | int | bool] = {"decision": decision, "reason": reason}
            if decision == "changed":
                told["from"] = f"{marks[-1].score:g}"
                told["to"] = f"{await self._mark(connection, linked_id, operator, sheet, reason, by, len(marks) + 1):g}"
            await append_row(connection, by, "quality.appeal_decided", linked_id, told)
            await append(connection, "call", linked_id)

    async def _mark(
        self, connection: Connection, linked_id: str, operator: str, sheet: Sequence[SheetLine], note: str, by: str, number: int
    ) -> float:
        """Write a round of marks, by the card the first was made with; the score."""
        row = await connection.fetchrow(
            "SELECT card_version, results::text AS results FROM quality_check WHERE linked_id = $1"
            " AND card_version = coalesce((SELECT card_version FROM quality_mark WHERE linked_id = $1 ORDER BY round LIMIT 1),"
            " card_version) ORDER BY checked_at DESC LIMIT 1", linked_id,
        )
        published = await card_of(connection, row["card_version"]) if row is not None else None
        assert row is not None and published is not None  # references say so
        marked = human_marks(published.card, {r.code: r.verdict for r in results_of(row["results"])}, sheet)
        score = marked.score or 0.0
        await connection.execute(
            "INSERT INTO quality_mark (linked_id, round, card_version, operator, scorer, lines, score, fatal, note)"
            " VALUES ($1, $2, $3, $4, $5, ($6::text)::jsonb, $7, $8, $9)", linked_id, number, row["card_version"], operator, by,
            json.dumps([dataclasses.asdict(line) for line in marked.lines], ensure_ascii=False), score, marked.fatal, note,
        )
        return score

    async def _listed(self, which: str, wanted: ReviewFilter, *given: Any) -> list[ReviewRow]:
        values: list[Any] = list(given)

        def add(value: Any) -> str:
            values.append(value)
            return f"${len(values)}"

        inner, further = [which], []
        for sign, moment in ((">=", wanted.start), ("<", wanted.end)):
            if moment is not None:
                inner.append(f"arrived_at {sign} {add(moment)}")
        if wanted.operator:
            further.append(f"{add(wanted.operator)}::text IN (operator, seat)")
        if wanted.state is not None:
            further.append(f"state = {add(wanted.state)}")
        if wanted.rule is not None:
            further.append(f"reasons::jsonb @> ({add(json.dumps([{'rule': wanted.rule}]))}::text)::jsonb")
        if wanted.after is not None:
            further.append(f"(arrived_at, linked_id) < ({add(wanted.after.at)}::timestamptz, {add(wanted.after.key)}::text)")
        where = f" WHERE {' AND '.join(further)}" if further else ""
        sql = f"SELECT * FROM ({_ROW.format(which=' AND '.join(inner))}) r{where}"
        sql += f" ORDER BY arrived_at DESC, linked_id DESC LIMIT {add(wanted.limit)}"
        async with transaction(self._pool) as connection:
            return [_row(r) for r in await connection.fetch(sql, *values)]


async def _whose(connection: Connection, linked_id: str) -> str:
    operator = await connection.fetchval(
        "SELECT operator FROM quality_check WHERE linked_id = $1 ORDER BY checked_at DESC LIMIT 1", linked_id
    )
    if operator is None:
        raise NotFound("This call was not checked, and cannot be scored yet.")
    return str(operator)


async def _others(connection: Connection, text: str) -> list[OtherSeat]:
    """The other seats of a check, with the names of the accounts as they are now."""
    told = json.loads(text)
    rows = await connection.fetch("SELECT name, display_name FROM app_user WHERE name = ANY($1)", [one["operator"] for one in told])
    names = {row["name"]: row["display_name"] for row in rows}
    return [OtherSeat(operator_name=names.get(one["operator"]) or one["operator"], **one) for one in told]


async def _marks(connection: Connection, linked_id: str) -> list[Mark]:
    rows = await connection.fetch(
        "SELECT round, card_version, scorer, lines::text AS lines, score, fatal, note, scored_at FROM quality_mark"
        " WHERE linked_id = $1 ORDER BY round", linked_id,
    )
    return [Mark(**{**r, "lines": [MarkLine(**line) for line in json.loads(r["lines"])]}) for r in rows]


async def _appeal(connection: Connection, linked_id: str) -> Appeal | None:
    row = await connection.fetchrow(
        "SELECT appellant, words, at, decision, coalesce(decided_by, '') AS decided_by, decided_at, reason FROM quality_appeal"
        " WHERE linked_id = $1", linked_id,
    )
    return None if row is None else Appeal(**row)


def _row(row: Any) -> ReviewRow:
    return ReviewRow(**{**row, "reasons": reasons_of(row["reasons"])})
