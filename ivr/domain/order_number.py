"""The work order's number: district, channel, day, serial and one check digit; issued once, keyed by callers.

``640105 C YYMMDD SSSSS K``: 19 digits. Callers key the 13 that follow 640105. The check digit is ISO 7064 MOD 11,10
over the 18 digits before it: it catches every single wrong digit and all but 1 in 45 swaps of neighbouring digits
(measured by the tests; the pure system has no swap-proof variant with one *decimal* check digit).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, get_args

from ivr.domain.errors import CallerFault

Channel = Literal["hotline", "village_video", "voicemail", "callback", "import", "counter"]

CHANNEL_DIGITS: Final[dict[Channel, int]] = {
    "hotline": 1,
    "village_video": 2,
    "voicemail": 3,
    "callback": 4,
    "import": 5,
    "counter": 6,
}
CHANNEL_NAMES: Final[dict[Channel, str]] = {
    "hotline": "热线",
    "village_video": "村居视频",
    "voicemail": "语音留言",
    "callback": "回拨",
    "import": "平台导入",
    "counter": "窗口",
}
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
DISTRICT: Final = "640105"
MAX_SERIAL: Final = 99_999

_CHANNEL_OF_DIGIT: Final = {digit: channel for channel, digit in CHANNEL_DIGITS.items()}
_SEPARATORS: Final = re.compile(r"[\s\-#*]+")
_SHORT_LENGTH: Final = 13
_FULL_LENGTH: Final = 19


class BadOrderNumber(CallerFault):
    """What was keyed, sent or composed is no order number; the text says which part is wrong."""

    code = "bad_order_number"


@dataclass(frozen=True, slots=True)
class OrderNumber:
    """A valid number taken apart; ``str()`` gives all 19 digits, ``short`` the 13 a caller keys."""

    channel: Channel
    day: date
    serial: int
    district: str = DISTRICT

    def __post_init__(self) -> None:
        if self.channel not in CHANNEL_DIGITS:
            raise BadOrderNumber(f"未知渠道 {self.channel!r}，可用：{'、'.join(CHANNELS)}")
        if not 2000 <= self.day.year <= 2099:
            raise BadOrderNumber(f"编号只有两位年份，{self.day.year} 年不能编号")
        if not 1 <= self.serial <= MAX_SERIAL:
            raise BadOrderNumber(f"当日序号 {self.serial} 超出 1–{MAX_SERIAL}，请改用另一渠道或次日编号")
        if not re.fullmatch(r"[0-9]{6}", self.district):
            raise BadOrderNumber(f"区划代码应为 6 位数字：{self.district!r}")

    def __str__(self) -> str:
        body = f"{self.district}{CHANNEL_DIGITS[self.channel]}{self.day:%y%m%d}{self.serial:05d}"
        return body + check_digit(body)

    @property
    def short(self) -> str:
        """The 13 digits after the district: what callers key and operators read out."""
        return str(self)[len(self.district) :]


def check_digit(digits: str) -> str:
    """ISO 7064 MOD 11,10 check digit of ASCII digits, e.g. ``0794`` → ``5``; ``BadOrderNumber`` for anything else."""
    if not re.fullmatch(r"[0-9]+", digits):
        raise BadOrderNumber("校验位只能由数字算出")
    product = 10
    for digit in digits:
        product = (((product + int(digit)) % 10 or 10) * 2) % 11
    return str((11 - product) % 10)


def compose(channel: Channel, day: date, serial: int, district: str = DISTRICT) -> OrderNumber:
    """The number for the ``serial``-th order (1–99999) of one channel on one Asia/Shanghai day.

    Raises BadOrderNumber when a part does not fit its place; uniqueness is the giver's duty (table ``order_serial``).
    """
    return OrderNumber(channel, day, serial, district)


def parse(text: str, district: str = DISTRICT) -> OrderNumber:
    """Read 19 digits, or the 13 after the district, with spaces, hyphens, ``#`` and ``*`` ignored.

    Raises BadOrderNumber naming the first thing that is wrong, in an order that helps: length, district, check digit
    (most slips end there), channel, date, serial.
    """
    digits = _SEPARATORS.sub("", text[:64])
    if not re.fullmatch(r"[0-9]+", digits):
        raise BadOrderNumber("工单编号只含数字")
    if len(digits) == _SHORT_LENGTH:
        digits = district + digits
    if len(digits) != _FULL_LENGTH:
        raise BadOrderNumber(
            f"工单编号应为 {_FULL_LENGTH} 位，或 {district} 之后的 {_SHORT_LENGTH} 位；收到 {len(digits)} 位"
        )
    if not digits.startswith(district):
        raise BadOrderNumber(f"不是本区（{district}）的工单编号")
    if check_digit(digits[:-1]) != digits[-1]:
        raise BadOrderNumber("校验位不符，编号里有数字输错，请核对后重输")
    channel = _CHANNEL_OF_DIGIT.get(int(digits[6]))
    if channel is None:
        raise BadOrderNumber(f"渠道位 {digits[6]} 未使用")
    try:
        day = date(2000 + int(digits[7:9]), int(digits[9:11]), int(digits[11:13]))
    except ValueError:
        raise BadOrderNumber(f"日期 {digits[7:13]} 不存在") from None
    return OrderNumber(channel, day, int(digits[13:18]), district)


def is_valid(text: str, district: str = DISTRICT) -> bool:
    """Whether ``parse`` would accept the text."""
    try:
        parse(text, district)
    except BadOrderNumber:
        return False
    return True
