"""Field masks: exactly what was named, through lists and models, and nothing that is not there."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.web.errors import BadRequest
from ivr.web.field_mask import MOST, masked, paths_of, read_mask
from ivr.web.models import CallAnswer, CallList, WorkOrderList

PAGE = {"calls": [{"linked_id": "a", "state": "ended", "wait_s": 1.5}, {"linked_id": "b", "state": "talking", "wait_s": None}], "next": "c"}


def cut(fields: str) -> object:
    return masked(PAGE, read_mask(fields, CallList))


def test_lists_are_walked_through_and_what_is_above_holds_what_is_below() -> None:
    assert cut("calls.linked_id,next") == {"calls": [{"linked_id": "a"}, {"linked_id": "b"}], "next": "c"}
    assert cut("next") == {"next": "c"}
    assert cut("calls") == cut("calls,calls.state") == cut("calls.state,calls") == {"calls": PAGE["calls"]}


@pytest.mark.parametrize(("fields", "told"), [
    ("", "no field without a name; there are calls, next"),
    ("linked_id", "no linked_id; there are calls, next"),
    ("calls.nosuch", "calls.linked_id"),
    ("next.more", "there are calls, next"),
    ("calls, next", "no  next"),
    (",".join(["next"] * (MOST + 1)), f"at most {MOST}"),
])
def test_what_is_not_there_is_refused_with_what_is(fields: str, told: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(told)):
        read_mask(fields, CallList)


@given(st.lists(st.sampled_from(sorted(paths_of(CallAnswer))), min_size=1, max_size=12))
def test_every_path_of_the_document_is_taken(paths: list[str]) -> None:
    assert set(read_mask(",".join(paths), CallAnswer)) == {path.split(".")[0] for path in paths}


@given(st.text(max_size=30))
def test_no_other_text_is(text: str) -> None:
    if set(text.split(",")) <= paths_of(WorkOrderList):
        return
    with pytest.raises(BadRequest):
        read_mask(text, WorkOrderList)


def test_a_masked_answer_is_the_answer_without_the_rest() -> None:
    assert json.loads(json.dumps(cut("calls.wait_s"))) == {"calls": [{"wait_s": 1.5}, {"wait_s": None}]}
