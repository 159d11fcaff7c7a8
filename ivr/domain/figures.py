"""The hotline's figures: each with its name, unit and formula, computed from a tally of calls and from nothing else.

A figure over nothing is None, never zero: no calls is not a connection rate of 0 %. Four formulas of the service level
are in use in the field, and give different numbers for the same day; all four are here by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ivr.domain.counted_call import Limits, Tally
from ivr.domain.seat_time import SeatTime

Unit = Literal["share", "seconds"]


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure by its formula: ``numerator`` ÷ ``denominator``, names of sets (ivr.domain.counted_call.SETS) or of sums.

    ``title`` and ``formula`` are Chinese, for people; ``{t}``, ``{also}`` and ``{short}`` stand for the limits in force.
    ``percentile`` is set for one that is no quotient but a place in the order of answer times.
    """

    name: str
    title: str
    unit: Unit
    formula: str
    numerator: str
    denominator: str
    percentile: float | None = None

    def told(self, limits: Limits) -> tuple[str, str]:
        """Title and formula with the limits in force."""
        known = {"t": limits.answered_within_s, "also": limits.also_within_s, "short": limits.short_s}
        return self.title.format(**known), self.formula.format(**known)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure's value with what it was made of. ``value`` None: over nothing. A percentile's ``numerator`` is None."""

    name: str
    value: float | None
    numerator: float | None
    denominator: int


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """A figure of the trade that our own record cannot tell yet, and why: left out rather than invented."""

    name: str
    title: str
    why: str


FIGURES: Final[tuple[Definition, ...]] = (
    Definition("connection_rate", "接通率", "share", "人工接通 ÷ 到达（除进行中）", "answered", "settled"),
    Definition(
        "service_level", "服务水平", "share", "{t} 秒内接通 ÷（接通 + {t} 秒后放弃）",
        "answered_within", "answered_or_waited_in_vain",
    ),
    Definition("service_level_of_answered", "{t} 秒内接通占比", "share", "{t} 秒内接通 ÷ 接通", "answered_within", "answered"),
    Definition(
        "service_level_of_all", "服务水平（计全部放弃）", "share", "{t} 秒内接通 ÷（接通 + 放弃）",
        "answered_within", "answered_or_abandoned",
    ),
    Definition(
        "service_level_gone_as_served", "服务水平（短放弃算达标）", "share", "（{t} 秒内接通 + {t} 秒内放弃）÷（接通 + 放弃）",
        "served_or_gone_within", "answered_or_abandoned",
    ),
    Definition(
        "answered_also_within", "{also} 秒内接通占比", "share", "{also} 秒内接通 ÷ 接通", "answered_also_within", "answered"
    ),
    Definition(
        "answer_p50", "接通时间中位数", "seconds", "一半的接通不超过的接通时间，从到达算起，含问候", "", "answered", 0.5
    ),
    Definition("answer_p90", "接通时间 P90", "seconds", "九成的接通不超过的接通时间，从到达算起，含问候", "", "answered", 0.9),
    Definition("asa", "平均接通等待", "seconds", "接通来电的等待合计 ÷ 接通", "answered_wait_s", "answered"),
    Definition("abandoned_wait", "放弃前平均等待", "seconds", "放弃来电的等待合计 ÷ 放弃", "abandoned_wait_s", "abandoned"),
    Definition("abandonment", "放弃率", "share", "等满 {short} 秒后放弃 ÷ 到达（除进行中）", "abandoned_long", "settled"),
    Definition(
        "abandonment_short", "短放弃率", "share", "不满 {short} 秒放弃 ÷ 到达（除进行中）", "abandoned_short", "settled"
    ),
    Definition(
        "abandonment_in_greeting", "问候中放弃率", "share", "进队前放弃 ÷ 到达（除进行中）", "abandoned_in_greeting", "settled"
    ),
    Definition("talk_time", "平均通话时长", "seconds", "通话（含保持）合计 ÷ 已结束的接通", "talk_s", "talked"),
    Definition("aht", "平均处理时长", "seconds", "（通话 + 保持 + 整理）合计 ÷ 坐席有记录的接通", "handled_s", "handled"),
    Definition("satisfaction", "满意率", "share", "评为非常满意、满意、基本满意 ÷ 参评", "satisfied", "rated"),
    Definition("rated_share", "测评率", "share", "参评 ÷ 接通", "rated", "answered"),
    Definition(
        "dissatisfied_called_back", "不满意回访率", "share", "完成回访的不满意 ÷ 不满意",
        "dissatisfied_called_back", "dissatisfied",
    ),
    Definition("machine_checked_share", "机器质检率", "share", "机器质检有结果 ÷ 接通", "machine_checked", "answered"),
    Definition("human_scored_share", "人工质检率", "share", "人工评过分 ÷ 接通", "human_scored", "answered"),
)
"""In the order people read them. 满意率 and 测评率 are told together, always."""

ON_TIME: Final = Definition("on_time", "按时办结率", "share", "期限前办结的工单 ÷ 到期的工单", "finished_in_time", "due")
"""The one figure of orders; its two counts come from the orders' own times."""

OCCUPANCY: Final = Definition(
    "occupancy", "坐席占用率", "share", "（通话 + 保持 + 整理）÷（签入 − 小休）", "working_s", "available_s"
)
"""The figure of seats, told for a whole span only: it is their own record."""

OWN_AHT: Final = Definition(
    "own_aht", "本人平均处理时长", "seconds", "（通话 + 保持 + 整理）合计 ÷ 已结束的接通", "talk_s", "talked"
)
"""One person's: all the wrap-up of their seats over the calls they ended there, so another sum than a queue's ``aht``."""

NOT_RECORDED: Final[tuple[NotRecorded, ...]] = ()


def figures(tallied: Tally) -> tuple[Figure, ...]:
    """Every figure of FIGURES, in that order."""
    return tuple(_figure(definition, tallied) for definition in FIGURES)


def quotient(definition: Definition, numerator: float, denominator: int) -> Figure:
    """A figure by its two numbers."""
    return Figure(definition.name, numerator / denominator if denominator else None, numerator, denominator)


def occupancy(seats: Iterable[SeatTime]) -> Figure:
    """Occupancy of a span from what its seats did; over nothing where no seat was seen."""
    known = list(seats)
    working, available = sum(s.working_s for s in known), sum(s.available_s for s in known)
    return Figure(OCCUPANCY.name, working / available if available else None, working, round(available))


def own_figures(time: SeatTime, talk_s: float, talked: int) -> tuple[Figure, Figure]:
    """Occupancy and AHT of one person in a span: what their seats did while they sat there, and the calls they ended."""
    return occupancy([time]), quotient(OWN_AHT, talk_s + time.wrap_up_s, talked)


def definition_of(name: str) -> Definition:
    """The figure of this name; KeyError when there is none."""
    return _BY_NAME[name]


def _figure(definition: Definition, tallied: Tally) -> Figure:
    denominator = tallied.counts[definition.denominator]
    if definition.percentile is not None:
        value = tallied.answer_p50_s if definition.percentile == 0.5 else tallied.answer_p90_s
        return Figure(definition.name, value, None, denominator)
    if definition.numerator in tallied.sums:
        return quotient(definition, tallied.sums[definition.numerator], denominator)
    return quotient(definition, tallied.counts[definition.numerator], denominator)


_BY_NAME: Final = {definition.name: definition for definition in (*FIGURES, ON_TIME, OCCUPANCY)}
