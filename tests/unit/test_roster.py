"""The duty roster as an office writes it, and whom the keys of a caller mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.cli_roster import specialities
from ivr.domain.roster import SPECIALITY_KEYS, BadRoster, Duty, diff_roster, meant_by, parse_roster, specialities_on_duty
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import PROMPTS
from ivr.pipeline.answer_roster import RosterDesk
from ivr.telephony.prompts import read_manifest

SEATS = ("8001", "8002", "9003")
HEAD = "work_number,name,speciality,from,to\n"
GOOD = HEAD + """8001,赵律师,婚姻家庭,2026-11-26 08:30,2026-11-26 18:00
8002,马律师,劳动争议、婚姻家庭,2026-11-26 08:30,2026-11-26 18:00

8001, 赵律师 ,合同纠纷,2026-11-26T18:00,2026-11-27 00:00
"""


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


def reasons(rows: str, head: str = HEAD) -> list[tuple[int, str]]:
    return [(b.line, b.reason) for b in parse_roster(head + rows, SEATS, specialities()).bad]


def test_a_good_roster_is_read() -> None:
    file = parse_roster("\ufeff" + GOOD, SEATS, specialities())
    assert file.bad == () and file.days == (at(26, 0).date(), at(26, 0).date())
    assert [(d.work_number, d.name, d.speciality, d.starts_at, d.ends_at) for d in file.duties] == [
        ("8001", "赵律师", "family", at(26, 8, 30), at(26, 18)), ("8002", "马律师", "labour", at(26, 8, 30), at(26, 18)),
        ("8002", "马律师", "family", at(26, 8, 30), at(26, 18)), ("8001", "赵律师", "contract", at(26, 18), at(27, 0)),
    ]


@pytest.mark.parametrize(("row", "reason"), [
    ("7777,某,婚姻家庭,2026-11-26 08:30,2026-11-26 18:00", "没有工号为 7777 的坐席，已配置：8001、8002、9003"),
    (",某,婚姻家庭,2026-11-26 08:30,2026-11-26 18:00", "没有工号为 空 的坐席"),
    ("9003,某,婚姻家庭,2026-11-26 08:30,2026-11-26 18:00", "工号 9003 不能由来电人输入"),
    ("8001,,婚姻家庭,2026-11-26 08:30,2026-11-26 18:00", "姓名应为"),
    ("8001,\u202e律,婚姻家庭,2026-11-26 08:30,2026-11-26 18:00", "姓名应为"),
    ("8001,赵,离婚,2026-11-26 08:30,2026-11-26 18:00", "没有专长 离婚，可用：婚姻家庭、劳动争议"),
    ("8001,赵,行政,2026-11-26 08:30,2026-11-26 18:00", "没有专长 行政"),
    ("8001,赵,,2026-11-26 08:30,2026-11-26 18:00", "缺少专长"),
    ("8001,赵,婚姻家庭,2026-11-26,2026-11-26 18:00", "from 应如 2026-11-26 08:30，现在是 2026-11-26"),
    ("8001,赵,婚姻家庭,2026-11-26 08:30,2026-02-30 18:00", "to 应如"),
    ("8001,赵,婚姻家庭,2026-11-26 08:30,2026-11-26 25:00", "to 应如"),
    ("8001,赵,婚姻家庭,2026-11-26 08:30,2026-11-26 08:30", "to 应在 from 之后"),
    ("8001,赵,婚姻家庭,2026-11-26 08:30,2027-11-26 08:30", "不超过 31 天"),
    ("8001,赵,婚姻家庭,2026-11-26 08:30", "应有 5 列"),
    ("8001,赵,婚姻家庭,2026-11-26 08:30,2026-11-26 18:00,x", "应有 5 列"),
])
def test_a_bad_row_is_told_with_its_line(row: str, reason: str) -> None:
    (line, told), *more = reasons("8002,马,劳动争议,2026-11-26 08:30,2026-11-26 18:00\n" + row + "\n")
    assert line == 3 and reason in told and more == []


def test_every_bad_row_and_every_fault_in_it_is_told() -> None:
    told = reasons("7777,,离婚,x,y\n8001,赵,债务,2026-11-26 08:30,2026-11-26 18:00\n8001,赵,债务、继承,2026-11-26 17:59,2026-11-26 19:00\n")
    assert [line for line, _ in told] == [2, 2, 2, 2, 2, 4] and "与前面的行重叠" in told[-1][1]


@pytest.mark.parametrize("text", ["", "工号,姓名\n1,2\n", HEAD.replace("from", "start"), '"', HEAD + '8001,"赵'])
def test_what_is_no_roster_is_said_so(text: str) -> None:
    with pytest.raises(BadRoster, match=r"第一行应为|不是 CSV"):
        parse_roster(text, SEATS, specialities())


@given(st.text(max_size=200))
def test_no_text_at_all_is_more_than_a_complaint(text: str) -> None:
    for given_text in (text, HEAD + text):
        try:
            file = parse_roster(given_text, SEATS, specialities())
        except BadRoster:
            continue
        assert file.bad or all(d.work_number in SEATS and d.starts_at < d.ends_at for d in file.duties)


def test_an_import_is_the_whole_roster_of_its_days() -> None:
    file = parse_roster(GOOD, SEATS, specialities())
    gone = Duty(at(26, 9), "8001", "debt", at(26, 10), "赵律师")
    moved = Duty(at(26, 8, 30), "8001", "family", at(26, 12), "赵律师")
    diff = diff_roster([file.duties[1], gone, moved], file)
    assert diff.unchanged == 1 and set(diff.removed) == {gone, moved} and len(diff.added) == 3
    assert diff_roster(file.duties, file).added == diff_roster(file.duties, file).removed == ()


DUTIES = parse_roster(GOOD, SEATS, specialities()).duties


def test_keys_mean_a_work_number_or_a_speciality() -> None:
    assert meant_by("8001", DUTIES) == ["8001"] and meant_by("1", DUTIES) == ["8001", "8002"] and meant_by("2", DUTIES) == ["8002"]
    for nobody in ("8", "9", "0", "", "7777", "800", "80011"):
        assert meant_by(nobody, DUTIES) == []
    assert specialities_on_duty(DUTIES) == ["family", "labour", "contract"]


def test_every_speciality_has_a_key_that_is_said_and_a_matter() -> None:
    texts, digits = read_manifest(PROMPTS).prompts, "零一二三四五六七八九"
    for key, code in SPECIALITY_KEYS.items():
        assert texts[f"speciality-{code}"].endswith(f"请按{digits[int(key)]}。") and code in specialities().values()


class OnDuty:
    def __init__(self, *duties: Duty) -> None:
        self.duties = duties

    async def on_duty(self) -> Sequence[Duty]:
        return self.duties


async def test_the_desk_offers_who_has_a_seat_and_takes_them_in_turn() -> None:
    desk = RosterDesk(OnDuty(*DUTIES), ["8001", "8002"])
    assert await desk.choices() == {"FOUND": "yes", "PIECES": "speciality-family&speciality-labour&speciality-contract"}
    assert sorted([(await desk.meant("1"))["LAWYERS"] for _ in range(2)]) == ["8001&8002", "8002&8001"]
    assert await desk.meant("8002") == {"FOUND": "yes", "LAWYERS": "8002"} and await desk.meant("3333") == {"FOUND": "off"}
    one = RosterDesk(OnDuty(*DUTIES), ["8001"])
    assert await one.meant("2") == {"FOUND": "off"} and (await one.choices())["PIECES"] == "speciality-family&speciality-contract"
    assert await RosterDesk(OnDuty(), ["8001"]).choices() == {"FOUND": "none"} == await RosterDesk(OnDuty(*DUTIES), []).choices()
