"""Figures from pasted tables of calls, and what must hold for any calls at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.balance import balances, part_counts
from ivr.domain.counted_call import PARTS, SETS, SUMS, UNACCOUNTED, UNDER_WAY, CountedCall, Limits, Tally, percentile, tally
from ivr.domain.errors import CallerFault
from ivr.domain.figures import FIGURES, NOT_RECORDED, OCCUPANCY, ON_TIME, Figure, definition_of, figures, quotient
from ivr.domain.intervals import MOST_INTERVALS, SHANGHAI, STEPS, intervals
from ivr.settings import PROJECT_ROOT

LIMITS = Limits()
DAY = datetime(2026, 11, 23, tzinfo=SHANGHAI)

# outcome: what the call came to, or the state of one under way. Seconds after arrival; - for nothing. call: reached again.
MORNING = """
    arrived   outcome       queue     queued answered ended  rating  number
    09:00:00  answered      hotline   8      9.5      200    1       12348
    09:00:10  answered      hotline   8      15       320    -       12348
    09:01:00  answered      hotline   8      15.1     100    4       12348
    09:02:00  answered      hotline   8      20       130    5call   12348
    09:03:00  answered      hotline   8      95       700    3       12348
    09:04:00  abandoned     -         -      -        3      -       12348
    09:05:00  abandoned     -         -      -        7      -       12348
    09:06:00  abandoned     hotline   8      -        15     -       12348
    09:07:00  abandoned     hotline   8      -        60     -       12348
    09:08:00  callback      hotline   8      -        50     -       12348
    09:09:00  message       -         -      -        90     -       12348
    09:10:00  self_service  -         -      -        40     -       12348
    09:11:00  overflow      -         -      -        20     -       12348
    09:12:00  failed        hotline   8      -        130    -       12348
    09:13:00  interrupted   hotline   8      12       30     -       12348
    09:14:00  interrupted   hotline   8      -        30     -       12348
    09:15:00  queued        hotline   8      -        -      -       12348
    09:16:00  talking       hotline   8      11       -      -       12348
"""


def calls_of(table: str) -> list[CountedCall]:
    return list(_calls(table))


def _calls(table: str) -> Iterator[CountedCall]:
    for number, line in enumerate(table.strip().splitlines()[1:]):
        clock, outcome, queue, queued, answered, ended, rating, called = line.split()
        hour, minute, second = map(int, clock.split(":"))
        arrived = DAY + timedelta(hours=hour, minutes=minute, seconds=second)

        def after(told: str, arrived: datetime = arrived) -> datetime | None:
            return None if told == "-" else arrived + timedelta(seconds=float(told))

        under_way = outcome in ("queued", "talking")
        yield CountedCall(
            f"c-{number}", arrived, outcome if under_way else "ended", None if under_way else outcome, "hotline", called,
            "" if queue == "-" else queue, queued_at=after(queued), answered_at=after(answered), ended_at=after(ended),
            rating=None if rating == "-" else int(rating[0]), called_back=rating.endswith("call"),
        )


def told(calls: list[CountedCall], limits: Limits = LIMITS) -> dict[str, Figure]:
    return {f.name: f for f in figures(tally(calls, limits))}


def test_a_morning_of_every_kind_of_call() -> None:
    found = told(calls_of(MORNING))
    assert {name: (f.numerator, f.denominator) for name, f in found.items()} == {
        "connection_rate": (7, 17),
        "service_level": (4, 8),
        "service_level_of_answered": (4, 7),
        "service_level_of_all": (4, 11),
        "service_level_gone_as_served": (7, 11),
        "answered_also_within": (6, 7),
        "answer_p50": (None, 7),
        "answer_p90": (None, 7),
        "asa": (pytest.approx(9.5 + 15 + 15.1 + 20 + 95 + 12 + 11), 7),
        "abandoned_wait": (3 + 7 + 15 + 60, 4),
        "abandonment": (3, 17),
        "abandonment_short": (1, 17),
        "abandonment_in_greeting": (2, 17),
        "talk_time": (pytest.approx(190.5 + 305 + 84.9 + 110 + 605 + 18), 6),
        "aht": (0.0, 0),
        "satisfaction": (2, 4),
        "rated_share": (4, 7),
        "dissatisfied_called_back": (1, 2),
        "machine_checked_share": (0, 7),
        "human_scored_share": (0, 7),
    }
    assert found["answer_p50"].value == 15 and found["answer_p90"].value == pytest.approx(50)
    assert found["service_level"].value == 0.5


def test_the_morning_balances_and_calls_under_way_are_told_apart() -> None:
    number, queue = balances(part_counts(calls_of(MORNING)))
    assert (number.kind, number.name, number.arrived, number.under_way, number.difference) == ("number", "12348", 18, 1, 0)
    assert number.parts == {
        "answered": 7, "abandoned": 4, "callback": 1, "message": 1, "self_service": 1, "overflow": 1, "failed": 2,
    }
    assert (queue.kind, queue.name, queue.arrived, queue.under_way, queue.difference) == ("queue", "hotline", 13, 1, 0)
    assert "self_service" not in queue.parts


@pytest.mark.parametrize(("row", "number_off", "queue_off"), [
    ("09:00:00  answered      hotline   8  -   30  -  12348", 1, 1),
    ("09:00:00  abandoned     hotline   8  12  30  -  12348", 1, 1),
    ("09:00:00  lost          hotline   8  -   30  -  12348", 1, 1),
    ("09:00:00  self_service  hotline   8  -   30  -  12348", 0, 1),
    ("09:00:00  abandoned     hotline   8  -   30  -  12348", 0, 0),
])  # fmt: skip
def test_a_record_that_contradicts_itself_is_seen_in_the_balance(row: str, number_off: int, queue_off: int) -> None:
    number, queue = balances(part_counts(calls_of("head\n" + row)))
    assert (number.difference, queue.difference) == (number_off, queue_off)


@pytest.mark.parametrize(("answered", "arrived", "percent"), [(15395, 15875, "96.98"), (110441, 114939, "96.09")])
def test_the_published_connection_rates_come_out(answered: int, arrived: int, percent: str) -> None:
    counts = dict.fromkeys(SETS, 0) | {"answered": answered, "settled": arrived}
    found = figures(Tally(counts, dict.fromkeys(SUMS, 0.0)))[0]
    assert found.name == "connection_rate" and f"{100 * (found.value or 0):.2f}" == percent


def test_over_nothing_there_is_no_value() -> None:
    assert {f.value for f in figures(tally([], LIMITS))} == {None}
    assert quotient(ON_TIME, 0, 0).value is None


def test_limits_are_settings_and_are_told_in_the_formula() -> None:
    calls = calls_of(MORNING)
    assert told(calls, Limits(answered_within_s=20))["service_level"].numerator == 6
    assert definition_of("service_level").told(Limits(answered_within_s=30))[1] == "30 秒内接通 ÷（接通 + 30 秒后放弃）"
    assert told(calls, Limits(short_s=8))["abandonment_short"].numerator == 2


def test_satisfaction_never_stands_without_the_share_that_rated() -> None:
    names = [d.name for d in FIGURES]
    assert names.index("rated_share") == names.index("satisfaction") + 1


def test_calls_of_ours_to_citizens_are_not_counted() -> None:
    ours = CountedCall("ours", DAY, outcome="answered", channel="callback", answered_at=DAY, ended_at=DAY)
    assert tally([ours], LIMITS).counts["arrived"] == 0 and balances(part_counts([ours])) == ()


_seconds = st.one_of(st.none(), st.integers(0, 40).map(float), st.floats(0, 200, allow_nan=False))


@st.composite
def any_calls(draw: st.DrawFn) -> list[CountedCall]:
    """Calls as no sane record would hold them too: outcomes and times at random."""
    made = []
    for number in range(draw(st.integers(0, 30))):
        arrived = DAY + timedelta(seconds=draw(st.integers(-90_000, 90_000)))

        def later(arrived: datetime = arrived) -> datetime | None:
            after = draw(_seconds)
            return None if after is None else arrived + timedelta(seconds=after)

        made.append(CountedCall(
            f"c-{number}", arrived, draw(st.sampled_from(["arrived", "queued", "talking", "ended", "ended", "ended"])),
            draw(st.sampled_from([None, "interrupted", *PARTS])), draw(st.sampled_from(["hotline", "village_video", "callback"])),
            draw(st.sampled_from(["12348", "12349"])), draw(st.sampled_from(["", "hotline", "legal"])),
            draw(st.sampled_from(["", "640105001"])), later(), later(), later(), later(),
            draw(st.sampled_from([None, 1, 2, 3, 4, 5])), draw(st.booleans()), wrap_up_s=draw(_seconds),
        ))  # fmt: skip
    return made


@given(any_calls())
@settings(max_examples=60, deadline=None)
def test_every_call_is_in_exactly_one_part_and_parts_add_up(calls: list[CountedCall]) -> None:
    counts = tally(calls, LIMITS).counts
    assert counts["arrived"] == sum(counts[p] for p in (*PARTS, UNDER_WAY, UNACCOUNTED)) == sum(c.channel != "callback" for c in calls)
    assert counts["settled"] == counts["answered"] + counts["not_answered"]
    assert counts["abandoned"] == counts["abandoned_long"] + counts["abandoned_short"]
    assert counts["rated"] == counts["satisfied"] + counts["dissatisfied"]
    assert sum(b.arrived for b in balances(part_counts(calls)) if b.kind == "number") == counts["arrived"]
    assert sum(b.difference for b in balances(part_counts(calls)) if b.kind == "number") == counts["unaccounted"]
    for figure in figures(tally(calls, LIMITS)):
        if definition_of(figure.name).unit == "share" and figure.value is not None:
            assert 0 <= figure.value <= 1 and (figure.numerator or 0) <= figure.denominator


@given(any_calls(), st.sampled_from(STEPS), st.integers(-100_000, 0), st.integers(1, 100_000))
@settings(max_examples=40, deadline=None)
def test_intervals_add_up_to_the_whole(calls: list[CountedCall], step: str, before: int, after: int) -> None:
    start, end = DAY + timedelta(seconds=before), DAY + timedelta(seconds=after)
    cut = intervals(start, end, step)  # type: ignore[arg-type]
    assert cut[0][0] == start and cut[-1][1] == end
    assert all(first[1] == second[0] for first, second in zip(cut, cut[1:], strict=False)) and all(a < b for a, b in cut)
    whole = tally([c for c in calls if start <= c.arrived_at < end], LIMITS)
    parts = [tally([c for c in calls if a <= c.arrived_at < b], LIMITS) for a, b in cut]
    for name in SETS:
        assert sum(part.counts[name] for part in parts) == whole.counts[name]
    for name in SUMS:
        assert sum(part.sums[name] for part in parts) == pytest.approx(whole.sums[name])


def test_days_begin_at_midnight_in_shanghai() -> None:
    start = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # half past eleven in the evening of the 22nd
    cut = intervals(start, datetime(2026, 11, 24, 1, tzinfo=UTC), "1d")
    midnight = datetime(2026, 11, 23, tzinfo=SHANGHAI)
    assert [a for a, _ in cut] == [start, midnight, midnight + timedelta(days=1)]
    before, at = (CountedCall("x", midnight - timedelta(microseconds=n), outcome="failed") for n in (1, 0))
    assert [[a <= c.arrived_at < b for a, b in cut] for c in (before, at)] == [[True, False, False], [False, True, False]]


@pytest.mark.parametrize(("hours", "step", "word"), [(101, "15m", "longer intervals"), (0, "1h", "later than"), (401 * 24, "1d", "400 days")])
def test_too_many_intervals_are_refused_with_what_to_do(hours: int, step: str, word: str) -> None:
    with pytest.raises(CallerFault, match=word):
        intervals(DAY, DAY + timedelta(hours=hours), step)  # type: ignore[arg-type]
    assert len(intervals(DAY, DAY + timedelta(hours=100), "15m")) == MOST_INTERVALS


@pytest.mark.parametrize(("values", "share", "found"), [([], 0.5, None), ([3.0], 0.9, 3.0), ([1.0, 2.0], 0.5, 1.5), ([0.0, 10.0], 0.9, 9.0)])
def test_percentiles(values: list[float], share: float, found: float | None) -> None:
    assert percentile(values, share) == found


def test_the_reference_page_says_what_the_code_computes() -> None:
    text = (PROJECT_ROOT / "docs/reference/figures.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))
    for definition in (*FIGURES, ON_TIME, OCCUPANCY):
        title, formula = definition.told(LIMITS)
        assert rows[definition.name] == f"{title} | {definition.unit} | {formula}"
    for missing in NOT_RECORDED:
        assert rows[missing.name] == f"{missing.title} | {missing.why}"
    named = set(re.findall(r"`(\w+)`", text[text.index("## The list behind a number"):]))
    assert set(SETS) <= named
