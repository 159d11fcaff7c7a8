"""Village video phones as data: the register's rows, their checks and changes, and what a device's name tells.

A device is named after its village: ``v-640105001-L01-1`` is the first one of 640105001-L01. One that names a town alone,
``v-640105100-1``, is the town's station. So the village of a call is known from who calls, and nobody is asked for it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from ivr.domain.callback import dialable
from ivr.domain.errors import CallerFault
from ivr.domain.places import DISTRICT, Place
from ivr.domain.roster import SPECIALITY_KEYS

COLUMNS: Final = ("device", "village", "helper", "adviser", "place", "model", "speciality")
SELF_TEST: Final = "self_test"
TELEPHONE: Final = "telephone"
OPTIONAL: Final = (SELF_TEST, TELEPHONE)
"""Columns that may be missing: it answers a self-test by itself (是, 否); the telephone called when its line fails."""
DeviceState = Literal["active", "blocked"]

_ID: Final = re.compile(rf"v-({DISTRICT}[0-9]{{3}})((?:[0-9]{{3}}|-L[0-9]{{2}})?)-[1-9][0-9]?", re.ASCII)
_TEXT: Final = re.compile(r"[^\W_][\w ·（）()、，.\-/]{0,39}")
_YES: Final = ("是", "yes")
_NO: Final = ("否", "no")
_LONGEST_REASON: Final = 200
_MOST_ROWS: Final = 2_000


class BadDeviceFile(CallerFault):
    """The file is no register at all; the text says what it should look like."""

    code = "bad_device_file"


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """One video phone. ``village`` is a place's code (a town's for a town's station), ``adviser`` a seat's work number or '',

    ``speciality`` a matter's code or ''; ``helper`` is who shows people how to use it, ``place`` where it stands. ``self_test``:
    it answers by itself a call that asks for that, and only the self-test ever does. ``telephone``, the village's or
    the helper's, is called when the phone's line fails, or ''.
    """

    id: str
    village: str
    town: str
    helper: str = ""
    adviser: str = ""
    place: str = ""
    model: str = ""
    speciality: str = ""
    state: DeviceState = "active"
    self_test: bool = False
    telephone: str = ""

    @property
    def number(self) -> str:
        """What the lawyer's phone shows as the caller: the digits of the name. Nobody can dial it."""
        return re.sub(r"\D", "", self.id)

    @property
    def is_station(self) -> bool:
        """Whether it stands in a town's office, not in a village."""
        return self.village == self.town

    @property
    def speciality_key(self) -> str:
        """The key a caller would press for its speciality; '' for none."""
        return next((key for key, code in SPECIALITY_KEYS.items() if code == self.speciality), "")


def village_of(device: str) -> str:
    """The place a device's name tells; '' for what is no device's name."""
    found = _ID.fullmatch(device)
    return found[1] + found[2] if found else ""


def checked_reason(reason: str) -> str:
    """Why a device is blocked, freed or given a new secret; CallerFault for one that says nothing or cannot be shown."""
    if not reason.strip() or len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise CallerFault(f"say why, for those who read the record later: 1 to {_LONGEST_REASON} printable characters")
    return reason.strip()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not understood; ``line`` counts from 1 with the head."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """What a file says, in order; nothing of it may be used while there are bad rows.

    ``tells_self_test``, ``tells_telephone``: it has that column; else what is known of the devices stands.
    """

    devices: tuple[Device, ...]
    bad: tuple[BadRow, ...]
    tells_self_test: bool = True
    tells_telephone: bool = True


def parse_devices(
    text: str, places: Iterable[Place], work_numbers: Collection[str], specialities: Mapping[str, str]
) -> DeviceFile:
    """Read a CSV with the head device,village,helper,adviser,place,model,speciality, and OPTIONAL ones; every bad row is told.

    ``village`` is a confirmed place's code or its name, ``work_numbers`` are those of the seats, ``specialities`` the codes of
    matters by their Chinese names. Raises BadDeviceFile for a file without this head.
    """
    known = {key: p for p in places if p.status == "confirmed" for key in (p.name, p.code)}
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True)
    devices: list[Device] = []
    bad: list[BadRow] = []
    lines: dict[str, int] = {}
    try:
        head = [h.strip() for h in reader.fieldnames or ()]
        if sorted(set(head) - set(OPTIONAL)) != sorted(COLUMNS) or len(set(head)) != len(head):
            raise BadDeviceFile(f"第一行应为 {','.join(COLUMNS)}，现在是 {','.join(head)[:80] or '空'}")
        reader.fieldnames = head
        for row in reader:
            line = reader.line_num
            if len(devices) >= _MOST_ROWS:
                raise BadDeviceFile(f"终端表超过 {_MOST_ROWS} 行")
            if any(v is None for v in row.values()) or None in row:
                bad.append(BadRow(line, f"应有 {len(head)} 列"))
                continue
            if not any(row.values()):
                continue
            read = _read_row({k: v.strip() for k, v in row.items()}, known, work_numbers, specialities)
            if isinstance(read, list):
                bad += [BadRow(line, reason) for reason in read]
            elif read.id in lines:
                bad.append(BadRow(line, f"终端 {read.id} 与第 {lines[read.id]} 行重复"))
            else:
                lines[read.id] = line
                devices.append(read)
    except csv.Error as wrong:
        raise BadDeviceFile(f"第 {reader.line_num} 行不是 CSV：{wrong}") from wrong
    return DeviceFile(tuple(devices), tuple(bad), SELF_TEST in head, TELEPHONE in head)


def _read_row(
    row: Mapping[str, str], places: Mapping[str, Place], work_numbers: Collection[str], specialities: Mapping[str, str]
) -> Device | list[str]:
    """The row's device, or all that is wrong with it."""
    reasons = []
    village = village_of(row["device"])
    place = places.get(row["village"])
    if not village:
        reasons.append(f"终端名应如 v-640105001-L01-1，现在是 {row['device'][:40] or '空'}")
    if place is None:
        reasons.append(f"没有名为 {row['village'][:40] or '空'} 的镇街或村居；用 ivr places list 查看，先导入再登记终端")
    elif village and place.code != village:
        reasons.append(f"终端名里的 {village} 不是 {place.name} 的编码 {place.code}")
    if row["adviser"] and row["adviser"] not in work_numbers:
        reasons.append(f"没有工号为 {row['adviser'][:20]} 的坐席，已配置：{'、'.join(sorted(work_numbers)) or '无'}")
    if row["speciality"] and specialities.get(row["speciality"]) not in SPECIALITY_KEYS.values():
        names = "、".join(n for n, c in specialities.items() if c in SPECIALITY_KEYS.values())
        reasons.append(f"没有专长 {row['speciality'][:20]}，可用：{names}")
    for column in ("helper", "place", "model"):
        if row[column] and not _TEXT.fullmatch(row[column]):
            reasons.append(f"{column} 应为至多 40 个字，不含特殊符号，现在是 {row[column][:40]}")
    if (tested := row.get(SELF_TEST, "")) not in ("", *_YES, *_NO):
        reasons.append(f"self_test 应为 是 或 否，现在是 {tested[:20]}")
    if (telephone := re.sub(r"[\s-]", "", row.get(TELEPHONE, ""))) and not dialable(telephone):
        reasons.append(f"telephone 应为手机号，或带区号的固定电话，现在是 {telephone[:20]}")
    if reasons or place is None:
        return reasons
    return Device(
        row["device"], village, place.town_code, row["helper"], row["adviser"], row["place"], row["model"],
        specialities.get(row["speciality"], ""), self_test=tested in _YES, telephone=telephone,
    )


@dataclass(frozen=True, slots=True)
class DeviceDiff:
    """What an import would do. Devices missing from the file are kept: a device goes by being blocked.

    ``changed`` pairs are (before, after); a blocked one stays blocked.
    """

    added: tuple[Device, ...]
    changed: tuple[tuple[Device, Device], ...]
    unchanged: int
    missing: tuple[Device, ...]


def diff_devices(existing: Sequence[Device], file: DeviceFile) -> DeviceDiff:
    """Compare by name; the file wins in everything but the state."""
    before = {d.id: d for d in existing}
    wanted = [_kept(before[d.id], d, file) if d.id in before else d for d in file.devices]
    named = {d.id for d in wanted}
    return DeviceDiff(
        tuple(d for d in wanted if d.id not in before),
        tuple((before[d.id], d) for d in wanted if d.id in before and before[d.id] != d),
        sum(before.get(d.id) == d for d in wanted),
        tuple(d for d in existing if d.id not in named),
    )


def _kept(before: Device, wanted: Device, file: DeviceFile) -> Device:
    tested = wanted.self_test if file.tells_self_test else before.self_test
    telephone = wanted.telephone if file.tells_telephone else before.telephone
    return replace(wanted, state=before.state, self_test=tested, telephone=telephone)


def stations_of(devices: Iterable[Device]) -> dict[str, str]:
    """{town's code: its first active station}."""
    found: dict[str, str] = {}
    for device in sorted(d for d in devices if d.is_station and d.state == "active"):
        found.setdefault(device.town, device.id)
    return found
