"""Analysis over HTTP: who sees, who signs, what is refused, and a report that opens."""

from __future__ import annotations

import io
from datetime import timedelta

import docx
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from ivr.domain.early_warning import WarningRules
from ivr.domain.working_days import WorkingDays
from ivr.pipeline.watch_rises import RiseWatch
from ivr.storage.early_warnings import PostgresEarlyWarnings
from tests.integration.analysis_world import TODAY, add_calls, add_orders, add_quiet_past
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import site

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
__all__ = ["web_database"]


async def test_a_warning_is_shown_and_signed_with_a_reason_at_the_level_that_was_read(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as signer, s.machine("operator") as reader, s.machine("handler") as nobody:
        await add_quiet_past(s.pool)
        await add_orders(s.pool, TODAY, 5)
        await RiseWatch(PostgresEarlyWarnings(s.pool), "category", WarningRules(), WorkingDays()).look()
        assert (await nobody.get("/api/v1/warnings")).status == 403
        told = await (await reader.get("/api/v1/warnings")).json()
        (row,) = told["warnings"]
        assert (row["place_name"], row["orders"], row["usual"], row["rise"], row["level"], row["level_name"], row["open"]) == (
            "康庄社区", 5, 1.0, 4.0, 2, "预警", True)
        assert "中位数" in told["formula"] and told["next"] is None
        path = f"/api/v1/warnings/{row['id']}/signature"
        good = {"level": 2, "decision": "confirmed", "reason": "<b>欠薪</b>"}
        assert (await reader.post(path, json=good)).status == 403
        for bad in ({}, {**good, "level": 0}, {**good, "level": "2"}, {**good, "decision": ""}, {**good, "reason": ""}, {**good, "reason": " "},
                    {**good, "reason": "x" * 201}, {**good, "more": 1}, {**good, "reason": "a\u0000"}):
            assert (await signer.post(path, json=bad)).status == 400, bad
        stale = await signer.post(path, json={**good, "level": 1})
        assert stale.status == 409 and (await stale.json())["code"] == "warning_changed"
        for strange in ("0", "999999", "1e3", "x", "９"):
            assert (await signer.post(f"/api/v1/warnings/{strange}/signature", json=good)).status == 404
        signed = await (await signer.post(path, json=good)).json()
        assert (signed["decision"], signed["reason"], signed["open"]) == ("confirmed", "<b>欠薪</b>", False) and signed["signed_by"].startswith("token:")
        assert (await (await reader.get("/api/v1/warnings")).json())["warnings"] == []
        assert [w["id"] for w in (await (await reader.get("/api/v1/warnings?state=signed&decision=confirmed")).json())["warnings"]] == [row["id"]]
        first = await (await reader.get("/api/v1/warnings?state=all&limit=1")).json()
        assert first["next"] == row["id"]
        assert (await (await reader.get(f"/api/v1/warnings?state=all&before={first['next']}")).json())["warnings"] == []
        for bad_query in ("state=maybe", "from=1764000000", "from=2026-11-23T10:00:00Z", "limit=0", "before=-1", "x=1", "from=2026-02-30"):
            assert (await reader.get(f"/api/v1/warnings?{bad_query}")).status == 400, bad_query


async def test_the_forecast_stands_beside_what_came(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("operator") as reader:
        empty = await (await reader.get("/api/v1/forecast")).json()
        assert empty["slots"] == [] and empty["off_share"] is None
        for n in range(1, 75):
            await add_calls(s.pool, TODAY - timedelta(days=n), 6)
        yesterday = TODAY - timedelta(days=1)
        await add_calls(s.pool, yesterday, 3, 10, 15)
        told = await (await reader.get(f"/api/v1/forecast?day={yesterday}")).json()
        at_ten = told["slots"][20]
        assert len(told["slots"]) == 48 and at_ten["start"].startswith(f"{yesterday}T10:00:00")
        assert (at_ten["expected"], at_ten["came"]) == (6.0, 9) and at_ten["seats_for_came"] >= at_ten["seats"] >= 1
        assert told["handle_s"] == 230 and told["replayed"][-1] == {"day": str(TODAY - timedelta(days=2)), "expected": 6.0, "came": 6}
        ahead = await (await reader.get(f"/api/v1/forecast?day={TODAY + timedelta(days=9)}")).json()
        assert ahead["slots"][20]["came"] is None and ahead["slots"][20]["expected"] > 0 and ahead["replayed"]
        for bad in (f"day={TODAY + timedelta(days=61)}", "day=today", "day=1", "days=3"):
            assert (await reader.get(f"/api/v1/forecast?{bad}")).status == 400, bad


async def test_the_months_report_opens_in_both_formats_and_its_download_is_audited(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as reader, s.machine("adviser") as nobody:
        month = (TODAY.replace(day=1) - timedelta(days=1)).replace(day=1)
        await add_calls(s.pool, month, 7)
        await add_orders(s.pool, month, 2)
        await s.pool.execute("UPDATE place SET name = '=1+1'")
        path, query = "/api/v1/reports/month", f"?month={month:%Y-%m}"
        assert (await nobody.get(f"{path}.xlsx{query}")).status == 403
        answer = await reader.get(f"{path}.xlsx{query}")
        assert answer.status == 200 and answer.headers["Content-Disposition"] == f'attachment; filename="12348-{month:%Y-%m}.xlsx"'
        book = load_workbook(io.BytesIO(await answer.read()))
        first = book.worksheets[0]
        texts = [str(c.value) for row in first.iter_rows() for c in row if c.value is not None]
        assert any("到达来电 7 个，人工接通 7 个" in t for t in texts) and "人工接通 ÷ 到达（除进行中）" in texts
        assert any(c.value == "'=1+1" for row in book["四、工单"].iter_rows() for c in row)
        answer = await reader.get(f"{path}.docx{query}")
        made = docx.Document(io.BytesIO(await answer.read()))
        assert any("到达来电 7 个" in p.text for p in made.paragraphs) and len(made.inline_shapes) >= 2
        answer = await reader.get(f"{path}.pdf{query}")
        assert answer.headers["Content-Type"] == "application/pdf"
        told = PdfReader(io.BytesIO(await answer.read())).pages
        assert "到达来电 7 个" in told[0].extract_text().replace("\0", "").replace("\n", "") and any(page.images for page in told)
        rows = await s.pool.fetch("SELECT object, detail->>'format' AS format FROM audit_event WHERE action = 'report.export' ORDER BY id")
        assert [tuple(r) for r in rows] == [(f"{month:%Y-%m}", "xlsx"), (f"{month:%Y-%m}", "docx"), (f"{month:%Y-%m}", "pdf")]
        later = (TODAY.replace(day=28) + timedelta(days=9)).replace(day=1)
        for bad in ("", "?month=2026-13", "?month=2026-1", "?month=1000-01", f"?month={later:%Y-%m}", f"{query}&format=pdf"):
            assert (await reader.get(f"{path}.docx{bad}")).status == 400, bad
