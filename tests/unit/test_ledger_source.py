"""The ledger as the pipeline reads it: files in a thread, rotation and keeping now and then, only when all is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.telephony.ledger import LedgerReader
from ivr.telephony.ledger_source import LedgerFiles
from tests.fakes.ledger_lines import cel

pytestmark = pytest.mark.asyncio


async def test_a_full_file_is_set_aside_once_all_is_read(tmp_path: Path) -> None:
    reopened = []

    async def reopen() -> None:
        reopened.append(sorted(p.name for p in tmp_path.iterdir()))

    file = tmp_path / "ledger.csv"
    file.write_bytes(cel())
    with file.open("r+b") as grown:  # sparse: as large as a full file, at no cost
        grown.truncate(65 << 20)
    source = LedgerFiles(LedgerReader("cel", tmp_path, "ledger.csv", "t"), reopen, rotation_every_s=0.0)
    batch = await source.read({})
    assert batch is not None and len(batch.facts) == 1 and not reopened
    positions = {batch.file_id: 65 << 20}
    assert await source.read(positions) is None
    assert len(reopened) == 1 and len(reopened[0]) == 1 and reopened[0][0].startswith("ledger.csv.2")
    assert await source.read(positions) is None and len(reopened) == 1
