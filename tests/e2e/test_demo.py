"""`ivr demo --once`, the command a newcomer runs first: its summary holds what it promises, and nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from ivr.demo.summary import shortcomings
from ivr.settings import PROJECT_ROOT
from tests.fakes.free_ports import free_ports

pytestmark = pytest.mark.e2e


async def test_the_demonstration_plays_both_calls_and_leaves_no_process() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ivr-demo-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IVR_")} | {
            "IVR_STATE_DIR": str(folder), "IVR_WEB__PORT": str(free_ports(1)[0]),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ivr.cli", "demo", "--once", "--json", str(folder / "out.json"), env=environment,
            cwd=PROJECT_ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(150):
            told, _ = await process.communicate()
        text = told.decode()
        assert process.returncode == 0, text
        summary = json.loads((folder / "out.json").read_text())
        assert shortcomings(summary) == []
        for order in summary["orders"]:
            assert order["number"] in text
        answered = next(o for o in summary["orders"] if o["evidence"])
        assert (answered["category"], answered["matter"], answered["channel"]) == ("法律咨询", "劳动争议", "hotline")
        evidence = {e["field"]: e for e in answered["evidence"]}
        assert {"caller_name", "callback_number", "place"} <= set(evidence)
        words = "".join(s["text"] for t in summary["transcripts"] for s in t["segments"])
        assert all(e["text"] in words and e["start_s"] < e["end_s"] for e in evidence.values())
        assert all(Path(r["path"]).is_file() for r in summary["recordings"])
        assert set(summary["seconds"]) == {"setup", "hangup_to_order", "hangup_to_transcript"}
        members = summary["queue_while_waiting"]["members"]
        assert members == {"available": 0, "ringing": 1, "talking": 0, "paused": 0, "offline": 0}
        running = [p for p in Path("/proc").iterdir() if p.name.isdigit() and str(folder) in _command_line(p)]
        assert running == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_a_summary_that_lacks_anything_is_told() -> None:
    empty = {"calls": [], "recordings": [], "transcripts": [], "orders": [], "queue_while_waiting": {}, "seconds": {}}
    assert len(shortcomings(empty)) == 6
    two_orders_alike = {"calls": [
        {"linked_id": "a", "outcome": "answered", "order": "1"}, {"linked_id": "b", "outcome": "abandoned", "order": "1"},
    ]}
    assert any("one order per call" in s for s in shortcomings(empty | two_orders_alike))
