"""What a village phone's last calls had to do without, and why: the picture, or the line itself. For the maintenance list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ivr.domain.hysteresis import Hysteresis

NO_PICTURE: Final = {
    "picture:device": "上次通话没有画面：终端没有提供 H.264 或 VP8 图像（只有别的编码、视频关着或没有摄像头）",
    "picture:there": "上次通话没有画面：对方的话机没有图像，或与终端没有共同的编码",
}
"""By the step that the dialplan told (``LADDER``): whose side had no video that the other knows."""
LINE_LOST: Final = "line:lost"
_TO_WHOLE: Final = 3


def fallbacks(ladders: Sequence[str]) -> tuple[str, ...]:
    """Sentences about a device from how its last calls went (``step:why`` in order), the oldest call first.

    The picture is told by the last call alone: whoever mends a camera sees it at the next one. A lost line stays on the list until
    three calls in a row kept theirs, because a loose plug holds for a call or two.
    """
    state = Hysteresis(1, _TO_WHOLE)
    lost = 0
    for ladder in ladders:
        cut = LINE_LOST in ladder.split()
        lost += cut
        if not state.see(cut):
            lost = 0
    steps = ladders[-1].split() if ladders else []
    told = [words for step, words in NO_PICTURE.items() if step in steps]
    if state.bad:
        told.append(f"最近通话中线路断了 {lost} 次，超过时限没有收到终端的声音")
    return tuple(told)
