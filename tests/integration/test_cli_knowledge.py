"""`ivr knowledge` on a real database: out as a file, changed, back as new versions, and never over somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.domain.knowledge import parse_articles
from ivr.storage.database import open_pool
from ivr.storage.migrate import migrate
from tests.integration.test_cli_search_outbox import run

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def test_articles_go_out_and_come_back(empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IVR_DATABASE_URL", empty_url)
    await migrate(empty_url)
    file, other = str(tmp_path / "articles.toml"), tmp_path / "other.toml"
    listed = await run("knowledge", "list", "法律援助")
    assert "legal-aid" in listed.output and "样文" in listed.output and "divorce" not in listed.output
    assert "□ 带：身份证" in (await run("knowledge", "show", "mediation")).output
    assert (await run("knowledge", "show", "none")).exit_code == 1
    assert (await run("knowledge", "export", file)).exit_code == 0
    text = Path(file).read_text("utf-8")
    assert len(parse_articles(text)) == 10
    assert "已写 0 篇新版本，10 篇没有变化" in (await run("knowledge", "import", file)).output
    changed = text.replace("怎样办理公证", "怎么办公证").replace("怎样申请法律援助", "申请[bold]法律援助[/bold]")
    Path(file).write_text(changed, "utf-8")
    assert "试运行：将写 2 篇新版本，8 篇没有变化" in (await run("knowledge", "import", file, "--dry-run")).output
    assert "怎样办理公证" in (await run("knowledge", "show", "notary")).output, "a dry run writes nothing"
    assert "已写 2 篇新版本" in (await run("knowledge", "import", file)).output
    assert "申请[bold]法律援助[/bold] · 版本 2" in (await run("knowledge", "show", "legal-aid")).output
    assert "怎样办理公证 · 版本 1（样文" in (await run("knowledge", "show", "notary", "--version", "1")).output
    other.write_text(text.replace("怎样办理公证", "别的题目").replace("借钱不还怎么办", "借钱不还"), "utf-8")
    late = await run("knowledge", "import", str(other))
    assert late.exit_code == 1 and "notary：文件依据版本 1，现在是 2" in late.output and "已写 1 篇新版本" in late.output
    other.write_text("[[articles]]\nslug = 'Bad'", "utf-8")
    assert "缺 category" in (await run("knowledge", "import", str(other))).output
    pool = await open_pool(empty_url, application="test", size=1)
    try:
        rows = await pool.fetch("SELECT object, actor FROM audit_event WHERE action = 'knowledge.written' ORDER BY object")
    finally:
        await pool.close()
    assert [r["object"] for r in rows] == ["legal-aid", "loan", "notary"] and all(r["actor"].startswith("cli:") for r in rows)
