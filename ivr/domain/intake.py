"""From a transcript to the draft of a work order: entries with their words, blanks with their reason.

Rules over data, no guessing: what is unclear, tied, contradictory or unsaid stays blank; a person confirms the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ivr.domain.callback_number import find_callback_number
from ivr.domain.caller_name import find_caller_name
from ivr.domain.code_tables import KINDS, Code, CodeTable, CodeTables, Kind
from ivr.domain.evidence import FIELD_LABELS, Evidence, Field, FieldName, Heard, Reason, Thresholds, evidence_of, hear
from ivr.domain.phrases import is_denied
from ivr.domain.place_mention import find_place
from ivr.domain.places import Gazetteer
from ivr.domain.spoken_amounts import find_amounts
from ivr.domain.spoken_dates import find_dates
from ivr.domain.transcript import Transcript

_MOST_SUPPORT: Final = 5


@dataclass(frozen=True, slots=True)
class Draft:
    """What the machine proposes for one call; nothing in it is final until a person confirms it.

    ``fields`` in the order category, matter, caller_name, callback_number, place, amounts, dates; ``reasons`` has one
    entry for every field that stayed blank. ``table_version`` is the code table's the order must keep.
    """

    table_version: str
    fields: tuple[Field, ...]
    reasons: tuple[Reason, ...]

    def field(self, name: FieldName) -> Field | None:
        """The first entry of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)

    def value(self, name: FieldName) -> str:
        """The first entry's value; '' when it was left blank, as the work_order row has it."""
        found = self.field(name)
        return found.value if found else ""

    def reason(self, name: FieldName) -> Reason | None:
        """Why that field is blank, or None."""
        return next((reason for reason in self.reasons if reason.field == name), None)


@dataclass(frozen=True, slots=True)
class _Vote:
    code: str
    phrase: str
    weight: float
    evidence: Evidence


def draft(
    transcript: Transcript,
    tables: CodeTables,
    gazetteer: Gazetteer,
    caller_number: str,
    called_on: date,
    thresholds: Thresholds,
) -> Draft:
    """Fill what the transcript supports. ``called_on`` is the call's day in Asia/Shanghai; never raises.

    ``caller_number`` is the network's caller id: no evidence by itself, used only when the caller says 就打这个电话.
    Time is linear in the words: a transcript of an hour (10,000 words) takes well under 0.2 s.
    """
    heard = hear(transcript)
    if not heard:
        silent = tuple(Reason(name, "no_speech", "没有听到话音") for name in FIELD_LABELS)
        return Draft(tables.current.version, (), silent)
    found: list[Field | Reason] = [_classify(kind, heard, tables.current, thresholds) for kind in KINDS]
    found.append(find_caller_name(heard, thresholds))
    found.append(find_callback_number(heard, caller_number, thresholds))
    found.append(find_place(heard, gazetteer, thresholds))
    found += _repeated("amount", _amounts(heard), thresholds.most_amounts, thresholds.word)
    found += _repeated("date", _dates(heard, called_on), thresholds.most_dates, thresholds.word)
    fields = tuple(entry for entry in found if isinstance(entry, Field))
    reasons = tuple(entry for entry in found if isinstance(entry, Reason))
    return Draft(tables.current.version, fields, reasons)


def _classify(kind: Kind, heard: Sequence[Heard], table: CodeTable, thresholds: Thresholds) -> Field | Reason:
    """The code whose cues weigh most, if they weigh enough and clearly more than the next one's.

    Each cue counts once, however often it is said. A child's votes also count for its parent; between children that
    are level the parent stands. A code that gives way is taken only when no other reaches the threshold.
    """
    codes = {code.code: code for code in table.of(kind)}
    votes, unsure = _votes(kind, heard, table, thresholds)
    totals: dict[str, float] = {}
    for vote in votes:
        family = codes[vote.code].parent or vote.code
        totals[family] = totals.get(family, 0.0) + vote.weight
    ranked = sorted((c for c in totals if totals[c] >= thresholds.score), key=lambda c: -totals[c])
    ranked = [c for c in ranked if not codes[c].gives_way] or ranked
    if not ranked:
        if unsure:
            return Reason(kind, "unclear", f"{FIELD_LABELS[kind]}的关键词没有听清", unsure)
        return Reason(kind, "not_said", f"没有听到足以判断{FIELD_LABELS[kind]}的话")
    first = ranked[0]
    level = [c for c in ranked if totals[first] - totals[c] < thresholds.lead]
    if len(level) > 1:
        names = "、".join(codes[c].name for c in level)
        return Reason(
            kind, "tied", f"{names}不相上下", _strongest(v for v in votes if _family(codes, v) == first)[0].evidence
        )
    family_votes = _strongest(vote for vote in votes if _family(codes, vote) == first)
    code = _child(first, family_votes, codes, thresholds)
    ordered = [v for v in family_votes if v.code == code] + [v for v in family_votes if v.code != code]
    best = ordered[0]
    support = tuple(vote.evidence for vote in ordered[1 : 1 + _MOST_SUPPORT])
    rule = f"{kind}.cue:{best.phrase}"
    return Field(kind, code, codes[code].name, rule, best.evidence, best.evidence.confidence, support)


def _family(codes: dict[str, Code], vote: _Vote) -> str:
    return codes[vote.code].parent or vote.code


def _strongest(votes: Iterable[_Vote]) -> list[_Vote]:
    return sorted(votes, key=lambda v: (-v.weight, v.evidence.speaker, v.evidence.start_s))


def _child(parent: str, votes: Sequence[_Vote], codes: dict[str, Code], thresholds: Thresholds) -> str:
    """The child that clearly leads its siblings, else the parent itself."""
    totals: dict[str, float] = {}
    for vote in votes:
        if codes[vote.code].parent:
            totals[vote.code] = totals.get(vote.code, 0.0) + vote.weight
    ranked = sorted(totals, key=lambda c: -totals[c])
    if not ranked or (len(ranked) > 1 and totals[ranked[0]] - totals[ranked[1]] < thresholds.lead):
        return parent
    return ranked[0]


def _votes(
    kind: Kind, heard: Sequence[Heard], table: CodeTable, thresholds: Thresholds
) -> tuple[list[_Vote], Evidence | None]:
    """One vote per cue, the heaviest time it was said; and a cue that was too unsure to count, if any."""
    best: dict[str, _Vote] = {}
    unsure: Evidence | None = None
    for h in heard:
        share = thresholds.operator_share if h.speaker == "operator" else 1.0
        for hit in table.index[kind].find(h.text):
            cue = table.cues[kind][hit.key]
            weight = cue.weight * share
            previous = best.get(cue.phrase)
            if weight <= 0 or (previous and previous.weight >= weight):
                continue
            if h.crosses_words(hit.start, hit.end) or is_denied(h.text, hit.start, hit.end):
                continue
            evidence = evidence_of(h, hit.start, hit.end)
            if evidence.confidence >= thresholds.word:
                best[cue.phrase] = _Vote(cue.code, cue.phrase, weight, evidence)
            else:
                unsure = unsure or evidence
    return list(best.values()), unsure


Entry = tuple[str, str, str, bool, Evidence]  # value, display, rule, approximate, evidence


def _amounts(heard: Sequence[Heard]) -> Iterable[Entry]:
    """Sums in the caller's own words: an operator names fees and examples."""
    for h in heard:
        if h.speaker == "caller":
            for amount in find_amounts(h.text):
                evidence = evidence_of(h, amount.start, amount.end)
                yield amount.value, amount.display, amount.rule, amount.approximate, evidence


def _dates(heard: Sequence[Heard], called_on: date) -> Iterable[Entry]:
    """Days in the caller's own words that are not denied: 不是昨天是前天."""
    for h in heard:
        if h.speaker == "caller":
            for day in find_dates(h.text, called_on):
                if not is_denied(h.text, day.start, day.end):
                    yield day.value, day.display, day.rule, day.approximate, evidence_of(h, day.start, day.end)


def _repeated(name: FieldName, entries: Iterable[Entry], most: int, least_confidence: float) -> list[Field | Reason]:
    """Different values in the order they were said, the first ``most`` of them, numbered from 0."""
    fields: dict[str, Field] = {}
    unsure: Evidence | None = None
    for value, display, rule, approximate, evidence in entries:
        if not evidence.confidence >= least_confidence:
            unsure = unsure or evidence
        elif value not in fields and len(fields) < most:
            fields[value] = Field(
                name, value, display, rule, evidence, evidence.confidence, approximate=approximate, ordinal=len(fields)
            )
    if fields:
        return list(fields.values())
    label = FIELD_LABELS[name]
    if unsure:
        return [Reason(name, "unclear", f"{label}没有听清", unsure)]
    return [Reason(name, "not_said", f"来电人没有说到{label}")]
