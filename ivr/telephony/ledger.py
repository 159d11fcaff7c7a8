"""Tail the two files Asterisk writes for every call, and turn lines into facts with their exact position.

``cel-custom/ledger.csv`` (CEL, separated values with doubled quotes) is the record of calls; ``queue_log`` adds queue
positions, ring and hold seconds. Asterisk opens, appends and closes for each CEL record, so rotation is a rename. A file
is known by the digest of its first line: a rename, a copy or a reused inode never makes a line count twice.
Positions are committed by the caller together with the facts (see ivr.storage.ledger).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from ivr.domain.events import Fact, LedgerBatch, Source
from ivr.domain.reconciliation import LedgerFile

_FIRST_LINE_LIMIT = 64 * 1024
_READ_LIMIT = 1 << 20
_KEEP_DAYS = 184
_ID_LIMIT = 150  # Asterisk's own bound; an index could not hold any length
_BEGIN = re.compile(rb'"[^",\r\n]')
_Shape = tuple[int, int, int]
_CEL_COLUMNS = (
    "eventtype", "eventenum", "userdeftype", "eventtime", "linkedid", "uniqueid", "channame", "num", "name", "dnid",
    "exten", "context", "appname", "appdata", "peer", "eventextra",
)


@dataclass(slots=True)
class LedgerReader:
    """Reads one kind of ledger file across rotation. Blocking but short: at most 1 MiB a call; run it in a thread."""

    source: Source
    folder: Path
    name: str
    instance: str
    complaints: int = 0
    _settled: dict[str, _Shape] = field(default_factory=dict)

    def read(self, positions: dict[str, int]) -> LedgerBatch | None:
        """The next facts after the committed positions ({file id: bytes}), oldest file first; None when all is read."""
        for path in self._files():
            batch = self._read_file(path, positions)
            if batch is not None:
                return batch
        return None

    def _read_file(self, path: Path, positions: dict[str, int]) -> LedgerBatch | None:
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                shape = _shape(status)
                if self._settled.get(path.name) == shape:
                    return None
                file_id = self._identify(file)
                if file_id is None:
                    return None
                start = positions.get(file_id, 0)
                if status.st_size <= start:
                    self._settled[path.name] = shape
                    return None
                file.seek(start)
                data = file.read(_READ_LIMIT)
        except FileNotFoundError:
            return None
        records = list((_records if self.source == "cel" else _lines)(data))
        if not records:
            # A line longer than the limit is no record of ours: step over it. So is a torn one that a rotation ended.
            if len(data) < _READ_LIMIT and not (path.name != self.name and data.endswith(b"\n")):
                return None
            records = [data]
        position = start + sum(map(len, records))
        return LedgerBatch(self.source, file_id, start, position, tuple(self._facts(records, file_id, start)))

    def _files(self) -> list[Path]:
        """Rotated files by time, the current one last. A settled file costs one stat and is not opened again."""
        rotated = sorted(self.folder.glob(f"{self.name}.*"))
        current = self.folder / self.name
        return [p for p in [*rotated, current] if not self._is_settled(p)]

    def _is_settled(self, path: Path) -> bool:
        try:
            status = path.stat()
        except FileNotFoundError:
            return True
        return self._settled.get(path.name) == _shape(status)

    def _identify(self, file: BufferedReader) -> str | None:
        first = file.readline(_FIRST_LINE_LIMIT)
        if not first.endswith(b"\n") and len(first) < _FIRST_LINE_LIMIT:
            return None
        return hashlib.sha256(self.instance.encode() + b"\0" + first).hexdigest()

    def _facts(self, records: list[bytes], file_id: str, start: int) -> Iterator[Fact]:
        position = start
        for record in records:
            text = record.decode("utf-8", "replace").rstrip("\r\n").replace("\0", "\ufffd")
            fact = (_cel_fact if self.source == "cel" else _queue_log_fact)(text, file_id, position)
            if fact is not None:
                yield fact
            elif text:
                self.complaints += 1
            position += len(record)

    def files(self) -> dict[str, LedgerFile]:
        """Every file with a whole first line, by its id; opens each of them, so for a comparison now and then."""
        found = {}
        for path in [*sorted(self.folder.glob(f"{self.name}.*")), self.folder / self.name]:
            with suppress(FileNotFoundError), path.open("rb") as file:
                status = os.fstat(file.fileno())
                if file_id := self._identify(file):
                    found[file_id] = LedgerFile(path.name, status.st_size, status.st_mtime)
        return found

    def rotate(self, now: float, limit_bytes: int = 64 << 20) -> Path | None:
        """Rename the current file when it is full; the new name sorts by time. Returns it, or None."""
        current = self.folder / self.name
        try:
            if current.stat().st_size < limit_bytes:
                return None
        except FileNotFoundError:
            return None
        target = self.folder / f"{self.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
        if target.exists():
            return None
        current.rename(target)
        return target

    def discard_older(self, positions: dict[str, int], now: float, keep_days: int = _KEEP_DAYS) -> list[Path]:
        """Delete rotated files that are wholly committed and past their keeping; returns what was deleted."""
        gone = []
        for path in sorted(self.folder.glob(f"{self.name}.*")):
            status = path.stat()
            if now - status.st_mtime <= keep_days * 86400:
                continue
            with path.open("rb") as file:
                file_id = self._identify(file)
            if file_id and positions.get(file_id, 0) >= status.st_size:
                path.unlink()
                self._settled.pop(path.name, None)
                gone.append(path)
        return gone


def _shape(status: os.stat_result) -> _Shape:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _lines(data: bytes) -> Iterator[bytes]:
    """The finished lines; queue_log gives quotes no meaning."""
    return (line + b"\n" for line in data.split(b"\n")[:-1])


def _records(data: bytes) -> Iterator[bytes]:
    """The finished records; a quoted value may hold a line break, so a line end counts only outside quotes.

    A record torn by a full disk leaves its quotes open. It ends where the next one begins: after a line break, a quote
    that is neither doubled nor closing cannot stand inside a value. What is still open at the end is left for later.
    """
    start = looked = quotes = 0
    while (end := data.find(b"\n", looked) + 1) > 0:
        quotes += data.count(b'"', looked, end)
        looked = end
        if quotes % 2 and not _BEGIN.match(data, end):
            continue
        yield data[start:end]
        start, quotes = end, 0


def _cel_fact(text: str, file_id: str, position: int) -> Fact | None:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return None
    if len(rows) != 1 or len(rows[0]) != len(_CEL_COLUMNS):
        return None
    row = rows[0]
    values = dict(zip(_CEL_COLUMNS, row, strict=True))
    try:
        at = float(values.pop("eventtime"))
    except ValueError:
        return None
    linked_id = values.pop("linkedid")
    if not 0 < len(linked_id) <= _ID_LIMIT or not 0 < at < 1e11:
        return None
    # A user event carries its name in eventtype; eventenum stays USER_DEFINED, so a name cannot pass for a CEL event.
    enum, kind = values.pop("eventenum"), values.pop("eventtype")
    user = enum == "USER_DEFINED"
    name = (values.pop("userdeftype") or kind) if user else enum
    data: dict[str, Any] = {k: v for k, v in values.items() if v}
    extra = data.pop("eventextra", "")
    if extra:
        told = _told(extra)
        data |= {"extra": extra} if told is None else {k: v for k, v in told.items() if k not in _CEL_COLUMNS}
    return Fact("cel", file_id, position, linked_id, f"user:{name}" if user else name, at, data)


def _told(extra: str) -> dict[str, Any] | None:
    """The object in a record's last column; None when it is none, or holds what PostgreSQL's JSON cannot."""
    try:
        told = json.loads(extra)
        fit = isinstance(told, dict) and b"\\u0000" not in json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return told if fit else None


def _queue_log_fact(text: str, file_id: str, position: int) -> Fact | None:
    parts = text.split("|")
    if len(parts) < 5 or not re.fullmatch(r"\d{9,11}(\.\d+)?", parts[0]):
        return None
    at, unique_id, queue, member, event = float(parts[0]), *parts[1:5]
    if unique_id in ("NONE", "") or len(unique_id) > _ID_LIMIT or not re.fullmatch(r"[A-Z_]{2,40}", event):
        return Fact("queue_log", file_id, position, "", event[:40] or "?", at, {"queue": queue, "member": member})
    data = {"queue": queue, "member": member, "data": parts[5:12]}
    return Fact("queue_log", file_id, position, unique_id, event, at, data)
