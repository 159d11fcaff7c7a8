"""A supervisors' room with one seat, where everything asked for is done at once; for contract tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ivr.domain.errors import NotFound
from ivr.domain.risk import Decision
from ivr.domain.transcript import Speaker
from ivr.ports.corrections import Correction, OfferedTerm
from ivr.ports.risk import RiskAlert, RiskWord
from ivr.ports.supervision import SeatMessage, SupervisedSeat, SupervisionServices, Watch, WatchMode

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
WATCH = Watch(1, "listen", "two", "one", "ban", "新人带教", "on", "", "b1-watch-1", "b1-1764000000.1", T0, T0, None)
MESSAGE = SeatMessage(1, "one", "请注意语速", "ban", T0, None)


class OneRoom:
    """ivr.ports.supervision.SupervisionBook."""

    async def watch(self, mode: WatchMode, seat: str, phone: str, watcher: str, reason: str) -> Watch:
        return WATCH

    async def end(self, watch_id: int, ended_by: str) -> None:
        if watch_id != 1:
            raise NotFound("This has ended already.")

    async def open_watches(self) -> Sequence[Watch]:
        return [WATCH]

    async def recent_watches(self, limit: int) -> Sequence[Watch]:
        return [WATCH]

    async def send(self, seat: str, text: str, sent_by: str) -> SeatMessage:
        return MESSAGE

    async def messages_sent(self, limit: int) -> Sequence[SeatMessage]:
        return [MESSAGE]

    async def messages_for(self, holder: str) -> Sequence[SeatMessage]:
        return [MESSAGE]

    async def seen(self, message_id: int, holder: str) -> None:
        if message_id != 1:
            raise NotFound("There is no such message for you.")

    async def note_forced(self, seat: str, state: str, reason: str, by: str) -> None:
        return None

    async def sign_out(self, seat: str, reason: str, by: str) -> None:
        return None


class OneRisk:
    """ivr.ports.risk.RiskDesk."""

    async def alerts(self, *, open_only: bool, limit: int) -> Sequence[RiskAlert]:
        return [RiskAlert(
            1, "b1-1764000000.1", "", "13912345678", "PJSIP/seat-one", "self_harm", "不想活", "不想活", "我不想活了", 12.5, "live", T0,
            None, "", None, "",
        )]

    async def decide(self, alert: int, decision: Decision, reason: str, decided_by: str) -> None:
        if alert != 1:
            raise NotFound("There is no such alert.")

    async def words(self) -> Sequence[RiskWord]:
        return [RiskWord("self_harm", "不想活", 1, 0, 1, True)]


class OneCorrection:
    """ivr.ports.corrections.Corrections."""

    async def of_call(self, linked_id: str) -> Sequence[Correction]:
        return [Correction("caller", 1.0, "老伴", "老板", "ban", T0)]

    async def correct(self, linked_id: str, speaker: Speaker, start_s: float, reads: str, text: str, by: str) -> None:
        return None

    async def terms(self, least_calls: int) -> Sequence[OfferedTerm]:
        return [OfferedTerm("镇北堡", "正被报", 3, None, "")]

    async def decide_term(self, term: str, accepted: bool, by: str) -> None:
        return None


ONE_SUPERVISION = SupervisionServices({"one": SupervisedSeat("one", "王律师", "8001", ("hotline",), True)}, OneRoom())
