"""A recording's name tells its call, and nothing a caller could have sent passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.recording import MOST_ATTEMPTS, RecordingName, after_failure

UUID = "d4632ef1-7834-4f9a-8fed-687385b99146"


def test_a_name_tells_its_call_and_its_files() -> None:
    name = RecordingName.parse(f"20261124/e2e-ivr-12-1795506589.17-{UUID}")
    assert name is not None and name.linked_id == "e2e-ivr-12-1795506589.17"
    assert name.path("operator") == f"20261124/e2e-ivr-12-1795506589.17-{UUID}-operator.wav"


@pytest.mark.parametrize("base", [
    "", f"ivr-1-1.0-{UUID}", f"2026112/ivr-1-1.0-{UUID}", f"20261124/ivr-1-1.0-{UUID}\n", f"20261124/../ivr-1-1.0-{UUID}",
    f"20261124/ivr/1-1.0-{UUID}", f"20261124/ivr 1-1.0-{UUID}", f"20261124/ivr-1-1.0-{UUID.upper()}", f"20261124/1.0-{UUID}",
    f"20261124/ivr-1-1.0-{UUID}-caller", f"20261124/ivr-$(id)-1.0-{UUID}", f"２０２６１１２４/ivr-1-1.0-{UUID}", f"/20261124/ivr-1-1.0-{UUID}",
    f"20261124/{'i' * 101}-1.0-{UUID}", f"20261124/ivr-1.{'1' * 21}-{UUID}",  # longer than every name the disk can mark as taken
])
def test_what_asterisk_never_makes_is_no_name(base: str) -> None:
    assert RecordingName.parse(base) is None


@given(st.text(max_size=80))
def test_any_text_is_a_plain_relative_path_or_nothing(text: str) -> None:
    name = RecordingName.parse(f"20261124/ivr{text}-1-1795506589.1-{UUID}")
    assert name is None or (name.base.count("/") == 1 and ".." not in name.base.split("/") and name.base.isascii())


@pytest.mark.parametrize(("attempt", "hopeless", "state"), [
    (1, False, "pending"), (MOST_ATTEMPTS - 1, False, "pending"), (MOST_ATTEMPTS, False, "quarantined"),
    (MOST_ATTEMPTS + 1, False, "quarantined"), (1, True, "quarantined"),
])
def test_a_failed_track_is_tried_again_a_bounded_number_of_times(attempt: int, hopeless: bool, state: str) -> None:
    assert after_failure(attempt, hopeless) == state
