"""What is heard of a call that goes on can be read by the rules of intake, with places that lie where it was said."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.live_draft import transcript_so_far
from ivr.ports.views import HeardSegment
from tests.fakes.web_world import SHIPPED_INTAKE

SAID = "你好我想咨询一下劳动争议的事情老板拖欠工资三个月了我叫马建国我家住在兴泾镇泾华村我的电话是幺三八九五幺幺二三四八"


def test_fields_and_their_seconds_come_from_what_was_heard_so_far() -> None:
    heard = [HeardSegment("operator", 0.0, 2.0, "您好请讲", 0.9), HeardSegment("caller", 4.0, 4.0 + len(SAID) * 0.25, SAID, 0.95)]
    draft = SHIPPED_INTAKE.compose(transcript_so_far("b1-1.0", heard), "13895112348", date(2026, 11, 26))
    told = {f.name: f.display for f in draft.fields}
    assert (told["category"], told["matter"], told["caller_name"]) == ("法律咨询", "劳动争议", "马建国")
    assert draft.value("callback_number") == "13895112348"
    name = draft.field("caller_name")
    assert name is not None and name.evidence.start_s == pytest.approx(4.0 + SAID.index("马建国") * 0.25, abs=1.0)


@given(st.lists(st.builds(
    HeardSegment, st.sampled_from(["caller", "operator"]), st.floats(0, 1e4), st.floats(0, 1e4), st.text(max_size=30), st.floats(0, 1),
), max_size=20))
def test_nothing_heard_is_lost_and_times_never_run_backwards(heard: list[HeardSegment]) -> None:
    found = transcript_so_far("x", heard)
    assert sorted(s.text for s in found.segments) == sorted(h.text for h in heard if h.text)
    for segment in found.segments:
        edges = [t for w in segment.words for t in (w.start_s, w.end_s)]
        assert edges == sorted(edges) and all(len(w.text) == 1 for w in segment.words)
