"""A case as one archive: covered like the pages, whole by its checksums, and any change of it is named."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.cli import app
from ivr.speech.archive import RecordingArchive
from tests.fakes.web_world import wav
from tests.integration.test_web_masking import CALL, SAID, leaks, spoken
from tests.integration.test_web_orders import NUMBER, office, told
from tests.integration.web_database import WebDatabase, web_database

__all__ = ["web_database"]
pytestmark = [pytest.mark.timeout(120)]
CASE = f"calls/{CALL}"


def verified(file: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["case", "verify", str(file)])
    return result.exit_code, result.output


async def test_a_case_is_covered_whole_and_audited(web_database: WebDatabase, tmp_path: Path) -> None:
    for track in ("caller", "operator"):
        (tmp_path / f"{track}.wav").write_bytes(wav(4.0, 99))
    async with office(web_database, recordings_dir=tmp_path) as (s, by):
        object.__setattr__(s.services, "audio", RecordingArchive())
        address = f"{await spoken(s)}/case"
        for name in ("seat", "desk", "root", "books", "zhao"):
            assert (await told(await by[name].post(address, json={"reason": "调卷"}), 403))["code"] == "denied", name
        for body in ({}, {"reason": " "}, {"reason": "调卷", "more": 1}):
            await told(await by["chief"].post(address, json=body), 400)
        async with by["chief"].post(address, json={"reason": "法院调卷"}) as answer:
            assert answer.status == 200 and answer.content_type == "application/zip" and NUMBER in answer.headers["Content-Disposition"]
            covered = tmp_path / "covered.zip"
            covered.write_bytes(await answer.read())
        archive = zipfile.ZipFile(covered)
        assert archive.testzip() is None
        assert archive.namelist() == ["about.json", "order.json", "audit.json", f"{CASE}/call.json", f"{CASE}/caller.wav", f"{CASE}/operator.wav", "SHA256SUMS"]
        for name in archive.namelist():
            assert not leaks(archive.read(name).decode("utf-8", "replace")), name
        assert json.loads(archive.read("about.json"))["masked"] == ["bank_card", "identity_card", "name", "phone"]
        assert json.loads(archive.read("audit.json"))[-1]["action"] == "case.exported", "the export itself is in it"
        sound = archive.read(f"{CASE}/caller.wav")
        assert len(sound) == 64044 and sound != wav(4.0, 99)
        sums = dict(reversed(line.split("  ")) for line in archive.read("SHA256SUMS").decode().splitlines())
        assert sums == {n: hashlib.sha256(archive.read(n)).hexdigest() for n in archive.namelist()[:-1]}
        await told(await by["chief"].post(address.replace("/case", "/unmasking"), json={"reason": "法院调卷"}), 200)
        await s.pool.execute("UPDATE recording_track SET deleted_at = now() WHERE track = 'operator'")
        async with by["chief"].post(address, json={"reason": "法院调卷"}) as answer:
            whole = tmp_path / "whole.zip"
            whole.write_bytes(await answer.read())
        opened = zipfile.ZipFile(whole)
        assert SAID in opened.read(f"{CASE}/call.json").decode() and opened.read(f"{CASE}/caller.wav") == wav(4.0, 99)
        assert json.loads(opened.read("about.json"))["left_out"] == [f"{CASE}/operator.wav"]
        row = await s.pool.fetchrow("SELECT actor, detail::text AS detail FROM audit_event WHERE action = 'case.exported' ORDER BY id LIMIT 1")
        assert row["actor"] == "chief" and json.loads(row["detail"])["reason"] == "法院调卷"


def test_every_change_of_an_archive_is_named(tmp_path: Path) -> None:
    files = {"order.json": b"{}", "calls/a/caller.wav": b"sound"}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())

    def archive(changed: dict[str, bytes | None], told: str | None = sums) -> Path:
        file = tmp_path / "case.zip"
        with zipfile.ZipFile(file, "w") as made:
            for name, data in {**files, **changed}.items():
                if data is not None:
                    made.writestr(name, data)
            if told is not None:
                made.writestr("SHA256SUMS", told)
        return file

    assert verified(archive({}))[0] == 0
    for changed, told_sums, named in (
        ({"order.json": b"{ }"}, sums, "order.json：内容被改动"), ({"order.json": None}, sums, "order.json：缺少"),
        ({"more.txt": b""}, sums, "more.txt：不在清单里"), ({}, None, "SHA256SUMS：没有"), ({}, "what\n", "SHA256SUMS：没有"),
    ):
        code, output = verified(archive(changed, told_sums))  # type: ignore[arg-type]
        assert code == 1 and named in output, output
    data = bytearray(archive({}).read_bytes())
    data[data.index(b"sound")] ^= 1
    (tmp_path / "bent.zip").write_bytes(data)
    assert verified(tmp_path / "bent.zip") == (1, "✗ calls/a/caller.wav：内容被改动\n")
    (tmp_path / "half.zip").write_bytes(archive({}).read_bytes()[:-40])
    assert verified(tmp_path / "half.zip")[0] == 1 and verified(tmp_path / "none.zip")[0] == 1
