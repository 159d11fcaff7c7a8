"""A spoken wish of confidence: meant by the caller, not asked, not denied."""

from __future__ import annotations

import pytest

from ivr.domain.confidential_wish import reason_of, spoken_wish
from ivr.domain.heard_phrase import HeardPhrase
from tests.unit.test_emergency import said


@pytest.mark.parametrize(("lines", "wish"), [
    ((("caller", "我 的 事 请 你们 保密"),), HeardPhrase("请你们保密", 1.5)),
    ((("operator", "您 好"), ("caller", "千万 别 让 村里 知道")), HeardPhrase("别让村里知道", 5.5)),
    ((("caller", "不 要 告诉 别人"),), HeardPhrase("不要告诉别人", 0.0)),
    ((("operator", "我们 要 保密"),), None),
    ((("caller", "你们 会 保密 吗"),), None),
    ((("caller", "这 要 保密 吗"),), None),
    ((("caller", "我 不 需 要 保密"),), None),
    ((("caller", "老板 拖欠 工资"),), None),
    ((), None),
])
def test_a_wish_is_meant(lines: tuple[tuple[str, str], ...], wish: HeardPhrase | None) -> None:
    assert spoken_wish(said(*lines)) == wish


def test_the_history_says_why() -> None:
    assert reason_of(HeardPhrase("请保密", 12.4)) == "来电人在第 12 秒说“请保密”"
