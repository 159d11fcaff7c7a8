"""People and units orders are given to: imported whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.domain.assignment import PeopleDiff, PeopleFile, Person, diff_people
from ivr.domain.video_room import mediator_key
from ivr.ports.rooms import Third
from ivr.storage.audit import append_row
from ivr.storage.database import transaction

_MOST_MEDIATORS = 500

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool


async def load_people(connection: Connection) -> list[Person]:
    """Everybody, by work number."""
    rows = await connection.fetch(
        "SELECT work_number, name, unit, coalesce(account, '') AS account, specialities, places, enabled, mediator_phone"
        " FROM person ORDER BY work_number"
    )
    return [Person(**{**row, "specialities": tuple(row["specialities"]), "places": tuple(row["places"])}) for row in rows]


class PostgresPeople:
    """The register of people and units."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def everybody(self) -> list[Person]:
        """Everybody, by work number."""
        async with transaction(self._pool) as connection:
            return await load_people(connection)

    async def apply(self, file: PeopleFile, *, actor: str = "system", dry_run: bool = False) -> PeopleDiff:
        """Write what the file says in one transaction, its audit row too; ``dry_run`` only tells what would change.

        An account moves to whom the file gives it, also from somebody the file does not name.
        """
        async with transaction(self._pool) as connection:
            await connection.execute("LOCK TABLE unit, person IN SHARE ROW EXCLUSIVE MODE")
            units = await connection.fetch("SELECT name FROM unit")
            diff = diff_people(await load_people(connection), [r["name"] for r in units], file)
            if dry_run:
                return diff
            wanted = [*diff.added, *(after for _, after in diff.changed)]
            await connection.executemany("INSERT INTO unit (name) VALUES ($1)", [(name,) for name in diff.new_units])
            accounts = [p.account for p in wanted if p.account]
            await connection.execute("UPDATE person SET account = NULL WHERE account = ANY($1)", accounts)
            await connection.executemany(
                "INSERT INTO person (work_number, name, unit, account, specialities, places, enabled, mediator_phone)"
                " VALUES ($1, $2, $3, nullif($4, ''), $5, $6, $7, $8) ON CONFLICT (work_number) DO UPDATE SET name = $2, unit = $3,"
                " account = nullif($4, ''), specialities = $5, places = $6, enabled = $7, mediator_phone = $8",
                [
                    (p.work_number, p.name, p.unit, p.account, list(p.specialities), list(p.places), p.enabled, p.mediator_phone)
                    for p in wanted
                ],
            )
            changed = {"added": len(diff.added), "changed": len(diff.changed), "units": len(diff.new_units)}
            await append_row(connection, actor, "people.import", "person", changed)
        return diff


class PostgresMediators:
    """ivr.ports.rooms.Mediators: who of the register has a mediator's telephone and is there."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def listed(self) -> list[Third]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT work_number, name, unit, mediator_phone FROM person WHERE mediator_phone <> '' AND enabled"
                " ORDER BY work_number LIMIT $1", _MOST_MEDIATORS,
            )
        return [Third(mediator_key(r["work_number"]), f"{r['name']}（{r['unit']}）", r["mediator_phone"]) for r in rows]

    async def phone(self, work_number: str) -> str:
        """See the port."""
        async with transaction(self._pool) as connection:
            found = await connection.fetchval("SELECT mediator_phone FROM person WHERE work_number = $1 AND enabled", work_number)
        return str(found or "")
