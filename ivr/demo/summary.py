"""The demonstration's outcome for machines, and what must hold for it to count as a success."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def shortcomings(summary: Json) -> list[str]:
    """What is missing, in plain words; empty when everything the demonstration promises was there."""
    found = []
    calls = summary["calls"]
    orders = [c["order"] for c in calls]
    if len(calls) < 2:
        found.append(f"{len(calls)} calls, at least 2 expected")
    if not all(orders) or len(set(orders)) != len(orders):
        found.append(f"not one order per call: {orders}")
    if {c["outcome"] for c in calls} != {"answered", "abandoned"}:
        found.append(f"outcomes {sorted(c['outcome'] or '?' for c in calls)}, one answered and one abandoned expected")
    answered = {c["linked_id"] for c in calls if c["outcome"] == "answered"}
    tracks = {r["track"] for r in summary["recordings"] if r["linked_id"] in answered and r["seconds"] > 1}
    if tracks != {"caller", "operator"}:
        found.append(f"tracks of the answered call: {sorted(tracks)}, both expected")
    speakers = {
        s["speaker"] for t in summary["transcripts"] if t["linked_id"] in answered for s in t["segments"] if s["text"]
    }
    if speakers != {"caller", "operator"}:
        found.append(f"text from {sorted(speakers)}, both speakers expected")
    if not any(o["evidence"] for o in summary["orders"]):
        found.append("no order has evidence")
    waiting = summary["queue_while_waiting"]
    if not waiting or waiting["waiting"] < 1 or waiting["stale"]:
        found.append("the queue was not seen with a waiting caller")
    return found


def write_summary(file: Path, summary: Json) -> None:
    """Write the whole summary or nothing."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", "utf-8")
    fresh.rename(file)
