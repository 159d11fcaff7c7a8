"""How long what is kept, and what may be deleted when its time is over; what is deleted and proven is in ivr.pipeline.retention.

Never before its order is over, never under a hold, never a recording that nobody has heard yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

Kind = Literal["recording", "video", "film", "picture", "transcript", "order", "log"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TITLES: Mapping[Kind, str] = {
    "recording": "录音", "video": "村居视频通话的录音", "film": "三方视频的录像",
    "picture": "视频中拍下的材料", "transcript": "转写", "order": "工单内容",
    "log": "通话账本明细",
}
ORDER_OVER = ("closed", "archived", "voided")
"""States in which an order needs what was said no more; a merged one follows the order it was merged into."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Days each kind is kept after the call's end (an order: after the last thing done to it); 0: for ever."""

    days: Mapping[Kind, int]

    def before(self, kind: Kind, now: datetime) -> datetime | None:
        """What ended before this is due; None when nothing of the kind ever is."""
        days = self.days.get(kind, 0)
        return now - timedelta(days=days) if days else None


@dataclass(frozen=True, slots=True)
class Due:
    """One thing whose time is over. ``object_name``: a recording's base name, a call, or an order's number."""

    kind: Kind
    object_name: str
    linked_id: str
    order_number: str
    born_at: datetime
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What was deleted: the digest it had (of a file, or of the rows as canonical JSON), how long it was, from when."""

    kind: Kind
    object_name: str
    linked_id: str
    sha256: bytes
    size_bytes: int
    born_at: datetime
    at: datetime
