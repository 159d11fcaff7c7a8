"""Examples of the OpenAPI document: bodies by the name of their model, problems by status. Tests hold each against its schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "PasswordLogin": {"name": "chen", "password": "correct horse battery"},
    "TicketLogin": {"ticket": "8f3c…"},
    "CodeProof": {"code": "287082"},
    "RevocationWish": {"reason": "电脑遗失"},
    "FactorReset": {"reason": "手机丢失"},
    "AccessChange": {"disabled": True, "reason": "离职"},
    "NewBooking": {"time": 12, "number": "13895112348", "linked_id": "ivr-1-1764000000.42"},
    "OrderMove": {"move": "assign", "to": "8002", "unit": "", "reason": "劳动争议"},
    "OrderEdit": {
        "category": "consultation", "matter": "labour", "caller_name": "马建国", "amount": ["3000"], "date": ["2026-11-26"],
    },
    "InboundTask": {
        "reference": "NX-2026-0815", "title": "工伤认定咨询", "description": "工地摔伤，单位没有缴工伤保险。",
        "caller_name": "马建国", "caller_number": "13895112348", "urgent": False,
    },
    "SeatWish": {"seat": "one"},
    "RoomWish": {"who": "station"},
    "PauseWish": {"pause": "meal"},
    "DeviceAct": {"reason": "终端丢失"},
    "WatchWish": {"seat": "one", "mode": "listen", "reason": "新人带教"},
    "ForcedState": {"state": "signed_out", "reason": "下班未签出"},
    "MessageWish": {"text": "请在十分钟内补记地点"},
    "WorkWish": {"adviser": "8001", "kind": "visit", "day": "2026-11-20", "minutes": 90, "evidence": "走访记录 2026-11-20"},
    "ExcuseWish": {"adviser": "8001", "starts_at": "2026-11-20T08:30:00+08:00", "reason": "区里开庭，已换班"},
    "VoidWish": {"reason": "重复登记"},
    "RiskDecision": {"decision": "false", "reason": "引用电视剧台词"},
    "CorrectionWish": {"speaker": "caller", "start_s": 12.48, "reads": "正被报", "text": "镇北堡"},
    "CaseWish": {"reason": "区法院调卷函 2026-118"},
    "PictureWish": {"picture": "iVBORw0KGgo…"},
    "HoldWish": {"order": "6401051261123000018", "reason": "行政复议未结", "until": "2027-12-31"},
    "LiftWish": {"reason": "复议已结"},
    "UnmaskWish": {"reason": "核对回访号码"},
    "TermDecision": {"term": "镇北堡", "accepted": True},
    "ScoreSheet": {
        "lines": [
            {"code": "answer", "points": 12}, {"code": "privacy", "passed": True},
            {"code": "forbidden", "passed": True, "reason": "是转述来电人的话"},
        ],
        "note": "依据讲清楚了，材料少说一项",
    },
    "ArticleWish": {
        "category": "notary", "matter": "inheritance", "title": "遗产怎么继承", "body": "先分出配偶的那一半，余下的才是遗产。",
        "statutes": ["《民法典》第一千一百二十七条"],
        "checklist": [{"code": "id", "kind": "bring", "text": "全体继承人的身份证", "heard": ["身份证"]}],
    },
    "ChecklistWish": {"items": {"id": True, "where": None}},
    "AppealWish": {"words": "静默是来电人去找合同"},
    "AppealDecision": {"decision": "kept", "reason": "静默期间没有向来电人说明"},
    "ShiftWish": {
        "work_number": "8001", "name": "王律师", "starts_at": "2026-11-26T08:30:00+08:00", "ends_at": "2026-11-26T12:00:00+08:00",
        "specialities": ["labour"],
    },
    "RosterImport": {
        "csv": "work_number,name,speciality,from,to\n8001,王律师,劳动争议,2026-11-26 08:30,2026-11-26 12:00\n",
        "dry_run": True, "version": "",
    },
    "TaskDone": {"result": "talked", "note": "周五带合同来窗口"},
    "VillageCall": {"device": "v-640105001-L01-1"},
    "WarningSignature": {"level": 2, "decision": "confirmed", "reason": "工地欠薪，已联系人社局"},
}

PROBLEMS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "limit: must be a whole number"),
    401: ("unauthenticated", "Log in first: there is no session, or it was ended or idle for too long."),
    403: ("denied", "Your roles do not include orders.assign. Ask an administrator for a role that does."),
    404: ("not_found", "There is nothing at this address."),
    409: ("warning_changed", "The warning has changed since it was read. Read it again, then sign it as it is now."),
    412: ("stale_version", "The order has been changed since it was read. Read it again, then change it."),
    413: ("too_large", "The body may have at most 65536 bytes."),
    414: ("address_too_long", "The address may have at most 4096 characters."),
    415: ("unsupported_media", "The body must be JSON: send Content-Type: application/json."),
    416: ("range_not_satisfiable", "The range lies outside the recording."),
    422: ("audio_unreadable", "The stored recording is no sound."),
    428: ("precondition_required", "Send If-Match with the ETag of the order as you read it."),
    429: ("too_many_requests", "This token has made too many requests. Wait as long as Retry-After says, then go on more slowly."),
    503: ("unavailable", "The database does not answer. Calls go on; try again in a moment."),
}
"""Code and detail of one problem with this status; others are possible, ``code`` tells them apart."""
