"""The number to call back on, as spoken digits: whole, in pieces, said twice, corrected, read back, or not at all.

Structure decides, not confidence: a mobile number has 11 digits and begins with 13–19, a landline has an area code.
The network's caller id is no evidence of where somebody wants to be called; it only resolves 就打这个电话.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ivr.domain.evidence import Evidence, Field, Heard, Reason, Thresholds, agreeing, evidence_of, evidence_of_words
from ivr.domain.spoken_numbers import DIGIT_VALUES, digit_row

_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE: Final = re.compile(r"0(?:10|2[0-9])[0-9]{8}|0[3-9][0-9]{2}[0-9]{7,8}")
_IDENTITY: Final = re.compile(r"[1-8][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3,4}")
_DIGITS: Final = re.compile(f"(?:[{''.join(d for d in DIGIT_VALUES if d != '一')}]|一(?![直共下样定些点般起边]))+")
_NOT_A_ROW: Final = re.compile(r"[十百千万亿年月号日点个块元岁天次位]")
_PAUSE_WORDS: Final = re.compile(
    r"(?:嗯|呃|额|啊|哦|噢|哎|那个|这个|就是|然后|后面|再|杠|转|对|好|的|是|吧|呢|\s|[,\uff0c。、.\-])*"
)
_LISTENING: Final = re.compile(
    rf"(?:嗯|呃|啊|哦|噢|对|好|的|是|请|您|你|说|继续|然后|呢|还有|后面|记|下|了|吧|吗|\s|[,\uff0c。、.?\uff1f\-]|[{''.join(DIGIT_VALUES)}])*"
)
_CORRECTION: Final = re.compile(
    r"(?:嗯|呃|啊|哦|哎|哎呀|等一下|对不起|\s|[,\uff0c。、])*(?:不对|不是|错了|说错|我说错|更正|重新说|重说|应该是$)"
)
_THEIR_NUMBER: Final = re.compile(
    r"(?:他|她|他们|对方|老板|公司|单位|包工头|房东|邻居|中介|物业|商家|老公|老婆|爱人|前夫|前妻|法院|社区|村委会|派出所|亲戚|儿子|女儿|朋友)"
    r"(?:们|那边|家里|家)?的?(?:联系)?(?:电话|手机|号码|号)[^我]{0,8}$"
)
_OWN_NUMBER: Final = re.compile(
    r"(?:我|本人)(?:这个|这边|现在)?的?(?:联系)?(?:电话|手机|号码)|打我|联系我|打给我|记一下"
)
_IDENTITY_ASKED: Final = re.compile(r"身份证|银行卡|卡号|账号|案号|编号|工单")
_NUMBER_ASKED: Final = re.compile(r"电话|手机|号码|联系方式|怎么联系|回电|回拨|联系您|联系你")
_THIS_NUMBER: Final = re.compile(
    r"(?:就)?(?:是|打|用|拨|留)(?:我)?(?:现在)?(?:打的|打过来的|来电的?)?(?:这个|这)(?:电话|号码|号|手机)(?!打不|不)|就?是?来电的?(?:号码|电话)"
)
_YES: Final = re.compile(r"(?:嗯|啊|哦)*(?:对(?!不|方|面|于|我)|没错|是的|是啊|是呢|是$)")


@dataclass(slots=True)
class _Row:
    """Digits of one speaker with nothing but fillers between them: ``chunks`` of (heard, start, end, digits)."""

    chunks: list[tuple[Heard, int, int, str]] = field(default_factory=list)
    before: str = ""
    after: str = ""
    asked: str = ""

    @property
    def digits(self) -> str:
        return "".join(chunk[3] for chunk in self.chunks)

    @property
    def start_s(self) -> float:
        return self.chunks[0][0].segment.start_s

    def numbers(self) -> dict[str, Evidence]:
        """Dialable numbers in the row: all of it, or else any run of whole chunks (said twice, or begun anew)."""
        if _IDENTITY.fullmatch(self.digits) or _IDENTITY_ASKED.search(self.before):
            return {}
        if is_dialable(self.digits):
            return {self.digits: _evidence(self.chunks)}
        found: dict[str, Evidence] = {}
        for first in range(len(self.chunks)):
            digits = ""
            for last in range(first, len(self.chunks)):
                digits += self.chunks[last][3]
                if len(digits) > 12:
                    break
                if is_dialable(digits):
                    found[digits] = _evidence(self.chunks[first : last + 1])
        return found


def is_dialable(digits: str) -> bool:
    """A mainland mobile (11 digits, 13–19) or a landline with its area code (11 or 12 digits)."""
    return bool(_MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits))


def normal_caller_id(number: str) -> str:
    """The caller id without +86, spaces and hyphens; '' when it is no dialable number."""
    digits = re.sub(r"[\s\-()]", "", number[:40])
    digits = re.sub(r"^(?:\+|00)?86(?=0?[1-9][0-9]{9,11}$)", "", digits)
    return digits if is_dialable(digits) else ""


def find_callback_number(heard: Sequence[Heard], caller_number: str, thresholds: Thresholds) -> Field | Reason:
    """The one number the caller gave, or why there is none.

    Two different numbers, a read-back that differs in a digit or two and was not settled, a number taken back with
    不对 and not said again in full, or an unsure digit: each leaves the field blank.
    """
    rows = _rows(heard, thresholds.digit_pause_s)
    caller = [row for row in rows if row.chunks[0][0].speaker == "caller"]
    operator = [row for row in rows if row.chunks[0][0].speaker == "operator"]
    candidates: dict[str, tuple[_Row, Evidence]] = {}
    refused: Reason | None = None
    for row in caller:
        numbers = row.numbers()
        if numbers and _CORRECTION.match(row.after):
            refused = Reason(
                "callback_number", "corrected", "来电人更正了号码，但没有听到完整的新号码", _evidence(row.chunks)
            )
        elif numbers and _THEIR_NUMBER.search(row.before):
            refused = refused or Reason("callback_number", "third_party", "说的是别人的号码", _evidence(row.chunks))
        elif not numbers and _looks_like_a_number(row):
            count = len(row.digits)
            refused = Reason(
                "callback_number", "incomplete", f"只听到 {count} 位数字，不成完整号码", _evidence(row.chunks)
            )
        candidates.update({number: (row, evidence) for number, evidence in numbers.items() if not _taken_back(row)})
    if len(candidates) > 1:
        own = {n: found for n, found in candidates.items() if _OWN_NUMBER.search(found[0].before)}
        candidates = own if len(own) == 1 else candidates
    if len(candidates) > 1:
        evidence = max((evidence for _, evidence in candidates.values()), key=lambda e: e.start_s)
        return Reason(
            "callback_number", "conflict", f"听到 {len(candidates)} 个不同的号码：{'、'.join(candidates)}", evidence
        )
    if candidates:
        number, (row, evidence) = next(iter(candidates.items()))
        return _judge(number, row, evidence, operator, thresholds)
    return (
        _confirmed(heard, operator, thresholds)
        or _this_number(heard, caller_number, thresholds)
        or refused
        or Reason("callback_number", "not_said", "没有听到回电号码")
    )


def _taken_back(row: _Row) -> bool:
    return bool(_CORRECTION.match(row.after) or _THEIR_NUMBER.search(row.before))


def _looks_like_a_number(row: _Row) -> bool:
    if _IDENTITY.fullmatch(row.digits) or _IDENTITY_ASKED.search(row.before):
        return False
    asked = _NUMBER_ASKED.search(row.before) or _NUMBER_ASKED.search(row.asked)
    return len(row.digits) >= 7 and bool(asked or re.match(r"1[3-9]|0[1-9]", row.digits))


def _judge(
    number: str, row: _Row, evidence: Evidence, operator: Iterable[_Row], thresholds: Thresholds
) -> Field | Reason:
    kind = "mobile" if _MOBILE.fullmatch(number) else "landline"
    confidence = evidence.confidence
    support: tuple[Evidence, ...] = ()
    read_back = [
        (said, back) for other in operator if other.start_s >= row.start_s for said, back in other.numbers().items()
    ]
    same = [back for said, back in read_back if said == number]
    if same:
        confidence, support = agreeing(confidence, same[-1].confidence), (same[-1],)
        kind += "_read_back"
    else:
        for said, back in read_back:
            if _differ_by(said, number) <= 2:
                message = f"来电人说 {number}，坐席复述为 {said}，不一致"
                return Reason("callback_number", "conflict", message, back)
    if not confidence >= thresholds.digit:
        return Reason("callback_number", "unclear", "号码里有听不清的数字", evidence)
    return Field("callback_number", number, spaced(number), f"callback_number.{kind}", evidence, confidence, support)


def _differ_by(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else 99


def spaced(number: str) -> str:
    """``139 0951 1234`` or ``0951-1234567``: grouped as people read numbers out."""
    if _MOBILE.fullmatch(number):
        return f"{number[:3]} {number[3:7]} {number[7:]}"
    area = 3 if number.startswith(("010", "02")) else 4
    return f"{number[:area]}-{number[area:]}"


def _confirmed(heard: Sequence[Heard], operator: Iterable[_Row], thresholds: Thresholds) -> Field | None:
    """您的电话是…对吗 — 对: the operator's digits, made the caller's own by the answer."""
    for row in operator:
        last = row.chunks[-1][0]
        answer = next((h for h in heard if h.index > last.index), None)
        asks = re.search(r"[您你]", row.before) and _NUMBER_ASKED.search(row.before)
        if not asks or answer is None or answer.speaker != "caller" or not _YES.match(answer.text):
            continue
        for number, evidence in row.numbers().items():
            if evidence.confidence >= thresholds.digit:
                yes = evidence_of(answer, 0, 1)
                rule = "callback_number.confirmed"
                return Field("callback_number", number, spaced(number), rule, evidence, evidence.confidence, (yes,))
    return None


def _this_number(heard: Sequence[Heard], caller_number: str, thresholds: Thresholds) -> Field | None:
    """就打这个电话, when asked for a number: the caller's words make the caller id the answer."""
    number = normal_caller_id(caller_number)
    question = ""
    for h in heard:
        if h.speaker == "operator":
            question = h.text
            continue
        match = _THIS_NUMBER.search(h.text)
        if number and match and (_NUMBER_ASKED.search(question) or _OWN_NUMBER.search(h.text)):
            evidence = evidence_of(h, match.start(), match.end())
            if evidence.confidence >= thresholds.word:
                rule = "callback_number.this_number"
                return Field("callback_number", number, spaced(number), rule, evidence, evidence.confidence)
    return None


def _rows(heard: Sequence[Heard], longest_pause_s: float) -> list[_Row]:
    """Digits gathered into rows per speaker, through pauses, fillers and the other's 嗯 or echo of the same digits."""
    done: list[_Row] = []
    current: dict[str, _Row] = {}
    own: dict[str, str] = {"caller": "", "operator": ""}  # what each has said since their last digit
    other: dict[str, str] = {"caller": "", "operator": ""}  # what was said by the other since then
    for h in heard:
        listener = "operator" if h.speaker == "caller" else "caller"
        said = 0
        for match in _DIGITS.finditer(h.text):
            own[h.speaker] += h.text[said : match.start()]
            said = match.end()
            row = current.get(h.speaker)
            counted = len(match[0]) < 5 and _NOT_A_ROW.match(h.text, match.end())
            if counted or (match.start() and h.text[match.start() - 1] in "十百千万亿"):
                own[h.speaker] += match[0]
                continue
            chunk = (h, match.start(), match.end(), digit_row(match[0]) or "")
            if row and _continues(row, h, own[h.speaker], other[h.speaker], longest_pause_s):
                row.chunks.append(chunk)
            else:
                if row:
                    row.after = own[h.speaker][:24]
                row = _Row(
                    [chunk], before=h.text[max(0, match.start() - 16) : match.start()], asked=other[h.speaker][-24:]
                )
                current[h.speaker] = row
                done.append(row)
            own[h.speaker] = other[h.speaker] = ""
        own[h.speaker] = (own[h.speaker] + h.text[said:])[:200]
        other[listener] = (other[listener] + h.text)[-200:]
    for speaker, row in current.items():
        row.after = own[speaker][:24]
    return done


def _continues(row: _Row, h: Heard, own: str, other: str, longest_pause_s: float) -> bool:
    if not _PAUSE_WORDS.fullmatch(own) or not _LISTENING.fullmatch(other):
        return False
    last = row.chunks[-1][0]
    return last is h or h.segment.start_s - last.segment.end_s <= longest_pause_s


def _evidence(chunks: Sequence[tuple[Heard, int, int, str]]) -> Evidence:
    return evidence_of_words((heard, heard.words(start, end)) for heard, start, end, _ in chunks)
