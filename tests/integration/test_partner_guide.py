"""The code of the partners' guide, as a partner's engineer would run it, against the real web edge."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from ivr.domain.delivery import signature
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import SECRETS, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
GUIDE = (Path(__file__).parents[2] / "docs/how-to/partners.md").read_text("utf-8")
FILE_TASK, TAKE_EVENTS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
EXAMPLE = re.search(r"```json\n(.*?)```", GUIDE, re.DOTALL)


async def run(folder: Path, s: Site, task: str, secret: bytes = SECRETS["region"]) -> tuple[int, str]:
    (folder / "file_task.py").write_text(FILE_TASK, "utf-8")
    (folder / "task.json").write_text(task, "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(folder / "file_task.py"), s.origin, "region", str(folder / "task.json"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, "SECRET": secret.decode(), "PYTHONUTF8": "1"},
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, said.decode().strip()


async def test_the_script_files_its_example_once(web_database: WebDatabase, tmp_path: Path) -> None:
    assert EXAMPLE is not None
    async with site(web_database) as s:
        first, again = await run(tmp_path, s, EXAMPLE[1]), await run(tmp_path, s, EXAMPLE[1])
        order = await s.pool.fetchrow("SELECT number, note FROM work_order")
        assert first == again == (0, order["number"]) and "工伤认定咨询" in order["note"]


async def test_the_script_tells_what_is_wrong(web_database: WebDatabase, tmp_path: Path) -> None:
    async with site(web_database) as s:
        code, said = await run(tmp_path, s, '{"reference": "NX-1", "title": "x", "sate": ""}')
        assert code == 1 and said == "400 bad_request: sate: is not a parameter here"
        code, said = await run(tmp_path, s, '{"reference": "NX-1", "title": "x"}', b"w" * 40)
        assert code == 1 and said.startswith("401 bad_signature: Ivr-Signature does not fit")


async def test_the_check_takes_our_events_and_nothing_else() -> None:
    names: dict[str, object] = {}
    exec(TAKE_EVENTS, names)
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    body, moment = json.dumps({"event": "order.created"}).encode(), str(int(time.time()))
    headers = {"Ivr-Time": moment, "Idempotency-Key": "event-1", "Ivr-Signature": signature(b"s" * 32, moment, "event-1", body)}
    assert is_genuine(b"s" * 32, headers, body)
    assert not is_genuine(b"s" * 32, headers, body + b" ") and not is_genuine(b"o" * 32, headers, body)
    old = str(int(moment) - 301)
    assert not is_genuine(b"s" * 32, {**headers, "Ivr-Time": old, "Ivr-Signature": signature(b"s" * 32, old, "event-1", body)}, body)
