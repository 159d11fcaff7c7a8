"""Village phones as data: names, files, differences, the word for each, their secrets and their part of pjsip's configuration."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.domain.device import (
    BadDeviceFile,
    Device,
    checked_reason,
    diff_devices,
    parse_devices,
    stations_of,
    village_of,
)
from ivr.domain.device_fallbacks import fallbacks
from ivr.domain.device_use import judge
from ivr.domain.errors import BadSetting, CallerFault
from ivr.domain.places import Place
from ivr.ports.devices import DeviceLine
from ivr.settings import PROJECT_ROOT
from ivr.telephony.devices import load_key, read_contacts, render_devices, secret_of, user_agents
from tests.unit.test_dialplan_rendering import sections

PLACES = [
    Place("640105001", "西花园路街道", "town", "640105001"), Place("640105001-L01", "康庄社区", "village", "640105001"),
    Place("640105100201", "泾华村", "village", "640105100"), Place("640105001-L09", "", "village", "640105001", status="placeholder"),
]
HEAD = "device,village,helper,adviser,place,model,speciality\n"
SPECIALITIES = {"劳动争议": "labour", "其他": "other"}


def read(*rows: str) -> tuple[list[Device], list[tuple[int, str]]]:
    found = parse_devices(HEAD + "\n".join(rows), PLACES, ["8001"], SPECIALITIES)
    return list(found.devices), [(b.line, b.reason) for b in found.bad]


@pytest.mark.parametrize(("device", "village"), [
    ("v-640105001-L01-1", "640105001-L01"), ("v-640105100201-12", "640105100201"), ("v-640105001-1", "640105001"),
    ("v-640105001-L01", ""), ("v-640105001-L01-0", ""), ("v-110105001-L01-1", ""), ("seat-one", ""), ("v-640105001-L01-1\n", ""),
    ("v-640105001-L01-1;x", ""), ("V-640105001-L01-1", ""),
])
def test_a_name_tells_its_village(device: str, village: str) -> None:
    assert village_of(device) == village


def test_a_file_is_read_and_the_town_follows_from_the_village() -> None:
    devices, bad = read("v-640105001-L01-1,康庄社区,马秀兰,8001,一楼大厅,GXV3480,劳动争议", "v-640105001-1,640105001,,,,,", "")
    assert bad == []
    assert devices[0] == Device("v-640105001-L01-1", "640105001-L01", "640105001", "马秀兰", "8001", "一楼大厅", "GXV3480", "labour")
    assert (devices[0].number, devices[0].speciality_key, devices[0].is_station) == ("640105001011", "2", False)
    assert devices[1].is_station and stations_of(devices) == {"640105001": "v-640105001-1"}
    assert stations_of([replace(devices[1], state="blocked")]) == {}


def test_every_bad_row_is_told() -> None:
    devices, bad = read(
        "v-1,康庄社区,,,,,", "v-640105001-L01-1,泾华村,,,,,", "v-640105001-L01-1,无此村,,,,,", "v-640105001-L01-1,康庄社区,,9999,,,",
        "v-640105001-L01-1,康庄社区,,,,,其他", "v-640105001-L01-1,康庄社区,${SHELL(id)},,,,", "v-640105001-L01-1,康庄社区",
        "v-640105001-L01-2,康庄社区,,,,,", "v-640105001-L01-2,康庄社区,,,,,", "v-640105001-L09-1,640105001-L09,,,,,",
    )
    assert [d.id for d in devices] == ["v-640105001-L01-2"]
    words = ["终端名应如", "不是 泾华村 的编码", "没有名为 无此村", "没有工号为 9999", "没有专长 其他", "helper 应为", "应有 7 列", "与第 9 行重复", "没有名为 640105001-L09"]
    assert [line for line, _ in bad] == [2, 3, 4, 5, 6, 7, 8, 10, 11]
    assert all(word in reason for word, (_, reason) in zip(words, bad, strict=True)), bad


def test_a_file_without_its_head_is_refused() -> None:
    with pytest.raises(BadDeviceFile, match="第一行应为 device,village"):
        parse_devices("id,village\n", PLACES, [], {})


def test_an_import_keeps_what_it_does_not_name_and_never_frees_a_blocked_device() -> None:
    old = Device("v-640105001-L01-1", "640105001-L01", "640105001", state="blocked")
    kept = Device("v-640105100201-1", "640105100201", "640105100")
    file = parse_devices(HEAD + "v-640105001-L01-1,康庄社区,马秀兰,,,,\n", PLACES, [], {})
    diff = diff_devices([old, kept], file)
    assert (diff.added, diff.missing, diff.unchanged) == ((), (kept,), 0)
    assert diff.changed == ((old, replace(old, helper="马秀兰")),)


NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)


@pytest.mark.parametrize(("given", "use", "reason", "since"), [
    ({"reach": "reachable", "last_call": NOW - timedelta(days=29)}, "used", "", None),
    ({"reach": "reachable", "last_call": NOW - timedelta(days=31)}, "unused", "", None),
    ({"reach": "reachable"}, "unused", "", None),
    ({"reach": "gone", "last_call": NOW}, "unusable", "注册已失效", NOW - timedelta(days=2)),
    ({"reach": "silent"}, "unusable", "已注册但没有应答探测", NOW - timedelta(days=2)),
    ({"reach": "never"}, "unusable", "从未注册", NOW - timedelta(days=2)),
    ({"reach": "reachable", "last_call": NOW, "blocked_since": NOW, "blocked_why": "丢失"}, "unusable", "已停用：丢失", NOW),
])
def test_the_three_words(given: dict[str, object], use: str, reason: str, since: datetime | None) -> None:
    facts: dict[str, object] = {"blocked_since": None, "blocked_why": "", "reach_since": NOW - timedelta(days=2), "last_call": None}
    verdict = judge(**(facts | given), now=NOW)  # type: ignore[arg-type]
    assert (verdict.use, verdict.reason, verdict.since) == (use, reason, since)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "a\nb"])
def test_an_act_needs_its_reason(reason: str) -> None:
    with pytest.raises(CallerFault, match="say why"):
        checked_reason(reason)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "state/devices.key"
    key = load_key(file)
    assert len(key) == 32 and load_key(file) == key and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [f.name for f in file.parent.iterdir()] == ["devices.key"]
    file.chmod(0o644)
    with pytest.raises(BadSetting, match="chmod 600"):
        load_key(file)
    file.chmod(0o600)
    file.write_bytes(b"short")
    with pytest.raises(BadSetting, match="broken"):
        load_key(file)


def test_a_secret_is_the_devices_and_the_rotations_alone() -> None:
    key = bytes(32)
    made = secret_of(key, "v-640105001-L01-1", "salt")
    assert made == secret_of(key, "v-640105001-L01-1", "salt") and len(made) == 24
    others = {secret_of(key, "v-640105001-L01-2", "salt"), secret_of(key, "v-640105001-L01-1", "other"), secret_of(b"1" * 32, "v-640105001-L01-1", "salt")}
    assert len(others | {made}) == 4


def test_pjsips_part_reaches_the_village_context_and_nothing_else() -> None:
    device = Device("v-640105001-L01-1", "640105001-L01", "640105001", "马秀兰", "8001", "", "", "labour", telephone="13895112348")
    lines = [DeviceLine(device, "salt", "康庄社区 <sip:x>${SHELL(id)}", "v-640105001-1"), DeviceLine(replace(device, id="v-640105001-L01-2"), "b", "康庄社区", "")]
    text = render_devices(lines, bytes(32), "127.0.0.1", PROJECT_ROOT / "dialplans/templates")
    found = sections(text)
    endpoint = found["v-640105001-L01-1/endpoint"]
    assert endpoint["context"] == ["from-village"] and endpoint["callerid"] == ["康庄社区 sipxSHELL(id) <640105001011>"]
    assert endpoint["rtp_timeout"] == ["30"] and endpoint["allow_transfer"] == ["no"] and endpoint["allow"] == ["alaw,ulaw,h264,vp8"]
    assert {"ADVISER=8001", "SPECIALITY=2", "VILLAGE=640105001-L01", "STATION=v-640105001-1", "DEVICE=v-640105001-L01-1", "TELEPHONE=13895112348"} == set(endpoint["set_var"])
    assert not any(v.startswith(("_SEAT", "TRANSFER_CONTEXT", "DYNAMIC_FEATURES")) for v in endpoint["set_var"])
    secrets = {found[f"v-640105001-L01-{n}/auth"]["password"][0] for n in (1, 2)}
    assert len(secrets) == 2
    assert text == render_devices(lines, bytes(32), "127.0.0.1", PROJECT_ROOT / "dialplans/templates")
    with pytest.raises(BadSetting):
        render_devices([replace(lines[0], station="x\n[evil]")], bytes(32), "127.0.0.1", PROJECT_ROOT / "dialplans/templates")


def test_registrations_are_read_as_asterisk_shows_them() -> None:
    shown = """
  Contact:  <Aor/ContactUri..............................> <Hash....> <Status> <RTT(ms)..>
==========================================================================================

  Contact:  seat-one/sip:seat-one@127.0.0.1:33000            a702e17dcd Avail         0.511
  Contact:  v-640105001-L01-1/sip:v-640105001-L01-1@127.0    b702e17dcd Avail        12.250
  Contact:  v-640105001-L01-2/sip:v-640105001-L01-2@127.0    c702e17dcd Unavail        -nan
  Contact:  v-640105001-L01-3/sip:v-640105001-L01-3@127.0    d702e17dcd NonQual         nan

Objects found: 4
"""
    held = (
        '/registrar/contact/v-640105001-L01-1;@b702e17dcd : {"user_agent":"GXV3480 1.0\\u0007","uri":"sip:x"}\n'
        "/registrar/contact/v-640105001-L01-2;@c702e17dcd : {broken}\n"
    )
    assert [(c.device[-1], c.reach, c.user_agent, c.round_trip_ms) for c in read_contacts(shown, user_agents(held))] == [
        ("1", "reachable", "GXV3480 1.0", 12.25), ("2", "silent", "", None), ("3", "reachable", "", None)]
    assert read_contacts("No objects found.\n", {}) == ()


def test_a_telephone_is_told_by_a_column_that_may_be_missing_and_must_be_one_we_may_call() -> None:
    head = HEAD.strip() + ",telephone\n"
    told = parse_devices(head + "v-640105001-L01-1,康庄社区,,,,,,138 9511-2348\nv-640105001-L01-2,康庄社区,,,,,,\n", PLACES, [], {})
    assert [d.telephone for d in told.devices] == ["13895112348", ""] and told.bad == ()
    for bad in ("110", "008613895112348", "${SHELL(id)}", "1389511234a"):
        (row,) = parse_devices(head + f"v-640105001-L01-1,康庄社区,,,,,,{bad}\n", PLACES, [], {}).bad
        assert "telephone 应为手机号" in row.reason
    without = parse_devices(HEAD + "v-640105001-L01-1,康庄社区,,,,,\n", PLACES, [], {})
    assert diff_devices(told.devices[:1], without).changed == ()
    both = parse_devices(HEAD.strip() + ",telephone,self_test\nv-640105001-L01-1,康庄社区,,,,,,13895112348,是\n", PLACES, [], {})
    assert both.devices[0].self_test and both.devices[0].telephone == "13895112348"
    with pytest.raises(BadDeviceFile):
        parse_devices(HEAD.strip() + ",telephone,telephone\n", PLACES, [], {})


@pytest.mark.parametrize(("ladders", "told"), [
    ([], []),
    (["adviser:ring"], []),
    (["picture:device adviser:ring"], ["终端没有提供"]),
    (["picture:device adviser:ring", "adviser:ring"], []),
    (["adviser:ring picture:there"], ["对方的话机没有图像"]),
    (["adviser:ring line:lost"], ["断了 1 次"]),
    (["line:lost", "", "picture:device line:lost", ""], ["断了 2 次"]),
    (["line:lost", "", "", ""], []),
    (["line:lost", "picture:device"], ["终端没有提供", "断了 1 次"]),
])
def test_what_the_last_calls_had_to_do_without(ladders: list[str], told: list[str]) -> None:
    found = fallbacks(ladders)
    assert len(found) == len(told) and all(word in sentence for word, sentence in zip(told, found, strict=True)), found


def test_who_answers_a_self_test_is_told_by_a_column_that_may_be_missing() -> None:
    head = HEAD.strip() + ",self_test\n"
    told = parse_devices(head + "v-640105001-L01-1,康庄社区,,,,,,是\nv-640105001-L01-2,康庄社区,,,,,,\n", PLACES, [], {})
    assert [d.self_test for d in told.devices] == [True, False] and told.tells_self_test and told.bad == ()
    assert "self_test" in parse_devices(head + "v-640105001-L01-1,康庄社区,,,,,,也许\n", PLACES, [], {}).bad[0].reason
    without = parse_devices(HEAD + "v-640105001-L01-1,康庄社区,,,,,\n", PLACES, [], {})
    assert not without.tells_self_test and diff_devices(told.devices[:1], without).changed == ()
