"""Corrected words: the segment reads the correction, what was heard stays beside it, the search follows by its trigger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.errors import NotFound
from ivr.domain.transcript import Speaker
from ivr.ports.corrections import Correction, OfferedTerm, WordChanged
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_SAME_S = 0.0006  # places are told in milliseconds


class PostgresCorrections:
    """ivr.ports.corrections.Corrections."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_call(self, linked_id: str) -> Sequence[Correction]:
        """See the port; of a transcript that was made anew the old corrections are not told."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT s.speaker, (s.words->k.word->>'start_s')::float8 AS start_s,"
                " k.heard, k.corrected, k.corrected_by, k.corrected_at"
                " FROM transcript_correction k JOIN transcript_segment s ON s.track_id = k.track_id AND s.ordinal = k.ordinal"
                " WHERE k.linked_id = $1 AND s.words->k.word->>'text' = k.corrected ORDER BY 2", linked_id,
            )
        return [Correction(**row) for row in rows]

    async def correct(self, linked_id: str, speaker: Speaker, start_s: float, reads: str, text: str, by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            segment = await connection.fetchrow(
                "SELECT track_id, ordinal, words::text AS words FROM transcript_segment WHERE linked_id = $1 AND speaker = $2"
                " AND EXISTS (SELECT FROM jsonb_array_elements(words) AS w WHERE abs((w->>'start_s')::float8 - $3) < $4)"
                " ORDER BY ordinal LIMIT 1 FOR UPDATE", linked_id, speaker, start_s, _SAME_S,
            )
            if segment is None:
                raise NotFound("Nothing is said there in this call's transcript.")
            words = json.loads(segment["words"])
            number = next(n for n, w in enumerate(words) if abs(w["start_s"] - start_s) < _SAME_S)
            if words[number]["text"] != reads:
                raise WordChanged("The word reads otherwise by now. Look at it again.")
            words[number]["text"] = text
            place = segment["track_id"], segment["ordinal"], number
            await connection.execute(
                "UPDATE transcript_segment SET words = ($3::text)::jsonb, text = $4 WHERE track_id = $1 AND ordinal = $2",
                *place[:2], json.dumps(words, ensure_ascii=False), "".join(w["text"] for w in words),
            )
            await connection.execute(
                "INSERT INTO transcript_correction (track_id, ordinal, word, linked_id, heard, corrected, corrected_by)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (track_id, ordinal, word) DO UPDATE"
                " SET corrected = excluded.corrected, corrected_by = excluded.corrected_by, corrected_at = clock_timestamp()",
                *place, linked_id, reads, text, by,
            )
            await connection.execute(
                "DELETE FROM transcript_correction WHERE track_id = $1 AND ordinal = $2 AND word = $3 AND heard = corrected", *place
            )
            await append_row(
                connection, by, "transcript.corrected", linked_id,
                {"speaker": speaker, "ms": round(start_s * 1000), "from": reads, "to": text},
            )
            await append(connection, "call", linked_id)

    async def terms(self, least_calls: int) -> Sequence[OfferedTerm]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "WITH counted AS (SELECT corrected AS term, mode() WITHIN GROUP (ORDER BY heard) AS heard,"
                " count(DISTINCT linked_id) AS calls FROM transcript_correction GROUP BY corrected)"
                " SELECT coalesce(c.term, t.term) AS term, coalesce(c.heard, t.heard) AS heard, coalesce(c.calls, 0) AS calls,"
                " t.accepted, coalesce(t.decided_by, '') AS decided_by FROM counted c FULL JOIN local_term t ON t.term = c.term"
                " WHERE t.term IS NOT NULL OR c.calls >= $1 ORDER BY t.accepted IS NOT NULL, calls DESC, term LIMIT 500",
                least_calls,
            )
        return [OfferedTerm(**row) for row in rows]

    async def decide_term(self, term: str, accepted: bool, by: str) -> None:
        """See the port; a later decision replaces an earlier one."""
        async with transaction(self._pool) as connection:
            known = await connection.fetchval(
                "INSERT INTO local_term (term, heard, accepted, decided_by)"
                " SELECT $1, mode() WITHIN GROUP (ORDER BY heard), $2, $3 FROM transcript_correction WHERE corrected = $1"
                " HAVING count(*) > 0 ON CONFLICT (term) DO UPDATE"
                " SET accepted = excluded.accepted, decided_by = excluded.decided_by, decided_at = clock_timestamp()"
                " RETURNING true", term, accepted, by,
            )
            if not known:
                raise NotFound("Nobody ever corrected a word to this.")
            await append_row(connection, by, "term.decided", term, {"accepted": accepted})
