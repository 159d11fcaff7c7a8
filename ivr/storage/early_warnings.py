"""Early warnings: orders counted by place, thing and day; rises kept, signed by a person, the signature audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from ivr.domain.early_warning import Decision, Rise
from ivr.domain.errors import CallerFault, NotFound
from ivr.ports.analysis import EarlyWarning, RiseRecord, WarningChanged, WarningFilter
from ivr.ports.statistics import HeatKind
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.views import connected

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_SELECT = """
    SELECT w.id, w.kind, w.place, coalesce(p.name, '') AS place_name, w.code, w.table_version, w.day, w.orders, w.usual, w.days,
           w.level, w.raised_at, w.decision, w.signed_level, w.signed_by, w.signed_at, w.reason
      FROM early_warning w LEFT JOIN place p ON p.code = w.place"""
# Orders without place or code, confidential ones and those that are none are not counted, as on the map of places.
_DAILY = """
    SELECT f.value AS place, o.{kind} AS code, (o.opened_at AT TIME ZONE 'Asia/Shanghai')::date AS day,
           count(*)::int AS orders, max(o.category_table_version) AS version
      FROM work_order o JOIN work_order_field f ON f.order_id = o.id AND f.field = 'place' AND f.ordinal = 0
     WHERE o.opened_at >= ($1::date::timestamp AT TIME ZONE 'Asia/Shanghai') AND o.{kind} <> '' AND NOT o.confidential
       AND o.state NOT IN ('merged', 'voided')
     GROUP BY 1, 2, 3"""


class PostgresEarlyWarnings:
    """ivr.ports.analysis.EarlyWarnings and RiseStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def counted(self, kind: HeatKind, days: int, weeks: int, least: int) -> RiseRecord:
        """See the port."""
        async with transaction(self._pool) as connection:
            today: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
            since = await connection.fetchval("SELECT (min(opened_at) AT TIME ZONE 'Asia/Shanghai')::date FROM work_order")
            rows = await connection.fetch(
                f"WITH daily AS MATERIALIZED ({_DAILY.format(kind=kind)}) SELECT d.* FROM daily d WHERE EXISTS ("
                " SELECT FROM daily n WHERE n.place = d.place AND n.code = d.code AND n.day > $2::date - $3::int"
                " AND n.orders >= $4) OR EXISTS (SELECT FROM early_warning w WHERE w.kind = $5 AND w.place = d.place"
                " AND w.code = d.code AND w.day > $2::date - $3::int)",
                date.fromordinal(today.toordinal() - 7 * weeks - days), today, days, least, kind,
            )
        counts: dict[tuple[str, str], dict[date, int]] = {}
        versions: dict[str, str] = {}
        for r in rows:
            counts.setdefault((r["place"], r["code"]), {})[r["day"]] = r["orders"]
            versions[r["code"]] = max(versions.get(r["code"], ""), r["version"])
        return RiseRecord(counts, since, today, versions)

    async def keep(self, kind: HeatKind, first: date, found: Sequence[Rise], versions: Mapping[str, str]) -> int:
        """See the port; two controllers that count at the same time write the same."""
        raised = 0
        async with transaction(self._pool) as connection:
            await connection.execute("LOCK TABLE early_warning IN SHARE ROW EXCLUSIVE MODE")
            rows = await connection.fetch(
                "SELECT place, code, day, orders, usual, days, level FROM early_warning WHERE kind = $1 AND day >= $2", kind, first,
            )
            standing = {(r["place"], r["code"], r["day"]): r for r in rows}
            for rise in found:
                old = standing.pop((rise.place, rise.code, rise.day), None)
                now = rise.orders, rise.usual, rise.days, rise.level
                if old is not None and (old["orders"], old["usual"], old["days"], old["level"]) == now:
                    continue
                raised += old is None or old["level"] < rise.level
                await connection.execute(
                    "INSERT INTO early_warning (kind, place, code, table_version, day, orders, usual, days, level)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kind, place, code, day) DO UPDATE"
                    " SET orders = excluded.orders, usual = excluded.usual, days = excluded.days, level = excluded.level,"
                    " table_version = excluded.table_version, changed_at = now()",
                    kind, rise.place, rise.code, versions.get(rise.code, ""), rise.day, *now,
                )
            over = [key for key, row in standing.items() if row["level"]]
            await connection.executemany(
                "UPDATE early_warning SET level = 0, changed_at = now() WHERE kind = $1 AND place = $2 AND code = $3 AND day = $4",
                [(kind, *key) for key in over],
            )
        return raised

    async def listed(self, wanted: WarningFilter) -> Sequence[EarlyWarning]:
        """See the port."""
        conditions, values = ["(w.level > 0 OR w.decision <> '')"], list[Any]()

        def given(value: object) -> str:
            values.append(value)
            return f"${len(values)}"

        if wanted.start is not None:
            conditions.append(f"w.day >= {given(wanted.start)}")
        if wanted.end is not None:
            conditions.append(f"w.day < {given(wanted.end)}")
        if wanted.open is not None:
            conditions.append("w.level > w.signed_level" if wanted.open else "w.level <= w.signed_level")
        if wanted.decision is not None:
            conditions.append(f"w.decision = {given(wanted.decision)}")
        if wanted.before is not None:
            mark = given(wanted.before)
            conditions.append(f"(w.day, w.id) < (SELECT b.day, b.id FROM early_warning b WHERE b.id = {mark})")
        sql = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY w.day DESC, w.id DESC LIMIT {given(wanted.limit)}"
        async with connected(self._pool) as connection:
            return [EarlyWarning(**row) for row in await connection.fetch(sql, *values)]

    async def sign(self, warning_id: int, level: int, decision: Decision, reason: str, actor: str) -> EarlyWarning:
        """See the port."""
        reason = " ".join(reason.split())
        if not reason:
            raise CallerFault("A warning is signed with a reason.")
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow("SELECT level FROM early_warning WHERE id = $1 FOR UPDATE", warning_id)
            if row is None:
                raise NotFound("There is no such warning.")
            if row["level"] != level or not level:
                raise WarningChanged("The warning has changed since it was read. Read it again, then sign it as it is now.")
            await connection.execute(
                "UPDATE early_warning SET decision = $2, signed_level = level, signed_by = $3, signed_at = now(), reason = $4,"
                " changed_at = now() WHERE id = $1", warning_id, decision, actor, reason,
            )
            signed = EarlyWarning(**(await connection.fetch(f"{_SELECT} WHERE w.id = $1", warning_id))[0])
            await append_row(connection, actor, "warning.sign", str(warning_id), {
                "decision": decision, "level": level, "place": signed.place, "code": signed.code, "day": signed.day.isoformat(),
                "orders": signed.orders, "reason": reason,
            })
        return signed
