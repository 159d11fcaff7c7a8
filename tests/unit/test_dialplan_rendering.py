"""Asterisk's configuration from settings: safe, complete, deterministic, and readable by its owner alone."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.errors import BadSetting
from ivr.exchange_setup import menu_sources, seat_line, spoken_languages, waiting_lines
from ivr.settings import PROJECT_ROOT, Settings
from ivr.telephony.asterisk_root import AsteriskRoot
from ivr.telephony.dialplan import ExchangePlan, SecureWebSocket, render, write
from ivr.telephony.dialplan_lint import lint, steps
from ivr.telephony.menu_files import load_plan

TEMPLATES = PROJECT_ROOT / "dialplans/templates"
SEATS = [{"name": "one", "operator": "王律师", "queues": ["hotline"]}, {"name": "two", "operator": "李律师", "queues": ["hotline"]}]
CARRIER = {"name": "carrier", "host": "127.0.0.1", "called_numbers": ["12348", "0951612348"]}
RICH: dict[str, Any] = {
    "seats": [SEATS[0], SEATS[1] | {"queues": ["hotline", "village"]}, {"name": "web", "operator": "赵律师", "queues": ["village"], "browser": True}],
    "queues": [{"name": "hotline"}, {"name": "village", "ring_s": 20, "strategy": "ringall", "wait_limit_s": 60}],
    "trunks": [
        CARRIER,
        {"name": "mobile", "host": "sip.carrier.example", "mode": "registration", "user": "640105", "secret_file": "/x",
         "transport": "tls", "srtp": True, "channel_cap": 4, "match": ["203.0.113.0/24", "203.0.113.9"], "outbound_caller_id": "12348"},
        {"name": "old", "host": "192.0.2.7", "transport": "tcp", "port": 5080},
    ],
    "duty_numbers": [{"name": "mobile-one", "number": "13800000001"}, {"name": "county", "number": "0951612348"}],
    "web": {"tls": "local_ca"},
    "asterisk": {"sip_tls_port": 5061, "wss_port": 8089},
}


def plan(folder: Path = Path("/srv/ivr"), **given: Any) -> ExchangePlan:
    """What bootstrap makes of settings, without looking for Asterisk or making secrets."""
    settings = Settings(state_dir=folder, recordings_dir=folder / "recordings", **given)
    asterisk = settings.asterisk
    tls = settings.web.tls != "off"
    certificate, key = (Path("/srv/ivr/tls/cert.pem"), Path("/srv/ivr/tls/key.pem")) if tls else (None, None)
    wss = None
    if asterisk.wss_port and certificate and key:
        wss = SecureWebSocket(asterisk.sip_host, asterisk.wss_port, certificate, key)
    sip: dict[str, Any] = {
        "host": asterisk.sip_host, "port": asterisk.sip_port, "tls_port": asterisk.sip_tls_port, "tls_ca": asterisk.sip_tls_ca,
    }
    return ExchangePlan(
        run=folder / "run", root=AsteriskRoot(Path("/"), (22, 10, 1)), system_name="ivr-7", recordings=settings.recordings_dir,
        prompts=folder / "prompts", notice_version="2026-11", hotline=settings.hotline.model_dump(),
        queues=waiting_lines(settings),
        seats=[seat_line(s) | {"endpoint": f"seat-{s.name}", "secret": f"secret-of-{s.name}"} for s in settings.seats],
        trunks=[t.model_dump() | {"secret": f"secret-of-{t.name}"} for t in settings.trunks],
        duty_numbers=[d.model_dump() for d in settings.duty_numbers],
        credentials={"ami_controller": "controller-secret", "ami_probe": "probe-secret"}, sip=sip,
        rtp_first=asterisk.rtp_first, rtp_last=asterisk.rtp_last, ami_port=asterisk.ami_port, wss=wss,
        tls_certificate=certificate, tls_key=key,
        menus=load_plan(settings.hotline.menu, *menu_sources(settings)),
        opening_hours={o.name: o.hours for o in settings.opening_hours}, days_off=["20270101"], days_on=["20270102"],
        fastagi_port=asterisk.fastagi_port, enquiry=settings.enquiry.model_dump(), languages=spoken_languages(settings),
    )


def sections(text: str) -> dict[str, dict[str, list[str]]]:
    """``[name]`` with its type where it has one (``seat-one/endpoint``) → setting → values."""
    found: dict[str, dict[str, list[str]]] = {}
    for block in re.split(r"(?m)^\[", text)[1:]:
        name, _, body = block.partition("]")
        values: dict[str, list[str]] = {}
        for line in body.splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.lstrip().startswith(";"):
                values.setdefault(key.strip(), []).append(value.lstrip("> ").strip())
        kind = values.get("type", [""])[0]
        found[f"{name}/{kind}" if kind else name] = values
    return found


CHOOSING: dict[str, Any] = {"hotline": {"menu": "menu"}, "opening_hours": [{"name": "office", "workdays": ["08:30-12:00", "14:30-18:00"]}]}


@pytest.mark.parametrize(
    "given", [{}, {"seats": SEATS, "trunks": [CARRIER]}, RICH, RICH | CHOOSING, {"languages": [{"name": "recorded", "title": "方言", "queue": "any"}], "queues": [{"name": "hotline"}, {"name": "any"}]}],
    ids=["nothing", "demo", "rich", "choosing", "speaking"],
)
def test_every_rendering_is_clean(given: dict[str, Any]) -> None:
    files = render(plan(**given), TEMPLATES)
    assert lint(files["extensions.conf"]) == []
    assert all("{{" not in text and "None" not in text for text in files.values())


def test_only_a_self_test_asks_a_phone_to_answer_by_itself() -> None:
    found = list(steps(render(plan(**RICH), TEMPLATES)["extensions.conf"]))
    asks = {s.context for s in found if "answer-after" in s.arguments or "autoanswer" in s.arguments}
    led = {s.context for s in found if "self-test-answers" in s.arguments}
    assert asks == {"self-test-answers"} and led == {"self-test"}
    away = ("self-test", "end-self-test")
    assert not [s for s in found if "self-test,s" in s.arguments.replace("end-self-test,s", "") and s.context not in away], "nothing leads there"


def test_equal_data_gives_equal_files() -> None:
    assert render(plan(**RICH), TEMPLATES) == render(plan(**RICH), TEMPLATES)
    assert render(plan(), TEMPLATES) != render(replace(plan(), system_name="ivr-8"), TEMPLATES)


def test_the_rich_exchange_in_short() -> None:
    files = render(plan(**RICH), TEMPLATES)
    found = list(steps(files["extensions.conf"]))
    assert {s.context for s in found} == {
        *(f"from-trunk-{t}" for t in ("carrier", "mobile", "old")), *(f"own-number-{t}" for t in ("carrier", "mobile", "old")),
        "hotline", "slower", "refusal", "message", "emergency", "rating", "farewell",
        "queue-hotline", "queue-village", "waiting-hotline", "unanswered-hotline", "unanswered-village", "no-road",
        "callback", "callback-hotline", "callback-village", "callback-answered-hotline", "callback-answered-village", "dialable", "notice-answered",
        "enquiry", "ask-progress", "answer", "call-limit", "lawyer", "ask-roster", "ask-lawyer", "lawyer-found", "lawyer-line",
        "appointment-legal-aid", "appointment-mediation", "ask-slots-legal-aid", "ask-slots-mediation", "ask-hold", "appointment",
        "appointment-confirm", "appointment-mine",
        "recording", "expected-hotline", "expected-village",
        "from-seat", "seat-rings", "joined", "transfer", "consult", "consult-failed", "returned", "supervision", "taken-over",
        "talk-over", "held", "seat-left", "nuisance", "nuisance-advice", "nuisance-listed", "recording-pause", "confidential",
        "duty", "duty-road-mobile-one", "duty-road-county",
        "from-village", "louder", "village", "village-adviser", "village-duty", "ask-village-duty", "village-any", "village-station", "village-media", "village-seen", "village-whisper", "village-whispered", "village-picture",
        "self-test", "self-test-answers", "end-self-test",
        "room-third", "room-lawyer", "room-guest", "room-citizen", "room-keys", "room-pause", "room-ends", "room-over", "room-left", "room-film", "room-filmed",
    }
    assert {s.extension for s in found if s.context == "from-trunk-carrier"} == {"12348", "0951612348"}
    assert {s.extension for s in found if s.context == "from-seat"} == {"echo"}, "seats reach nothing outside"
    dialling = {s.context for s in found if s.application == "Dial"}
    assert dialling == {"duty", "duty-road-mobile-one", "duty-road-county", "consult-failed", "held", "village-station", "self-test"}, "call-backs are dialled by the controller alone"
    caps = [s.arguments for s in found if s.context == "from-trunk-mobile" and "GROUP_COUNT" in s.arguments]
    assert caps == ["$[${GROUP_COUNT(mobile@trunk)} > 4]?full"]


def test_operators_transfer_to_listed_extensions_and_only_they_have_keys() -> None:
    given = RICH | {
        "seats": [SEATS[0] | {"work_number": "8001"}, SEATS[1]],
        "duty_numbers": [{"name": "town", "number": "09516000001", "extension": "9001"}, {"name": "private", "number": "13800000001"}],
    }
    files = render(plan(**given), TEMPLATES)
    found, pjsip = list(steps(files["extensions.conf"])), sections(files["pjsip.conf"])
    for context, more in (("transfer", {"T"}), ("consult", {"T"}), ("from-seat", {"echo"})):
        assert {s.extension for s in found if s.context == context} == {"8001", "9001"} | more
    rings = {s.extension: s.arguments for s in found if s.context == "consult" and s.application == "Dial"}
    assert rings == {
        "8001": "PJSIP/seat-one,20,gtU(joined^8001)", "9001": "PJSIP/09516000001@trunk-carrier,20,gU(joined^9001)",
    }, "an outside agency has no keys"
    assert {s.arguments.split(",")[1] for s in found if s.application == "Queue"} <= {"ct", "ctb(seat-rings^s^1)"}
    for name, endpoint in pjsip.items():
        if name.endswith("/endpoint"):
            assert ("set_var" in endpoint) is name.startswith("seat-"), name
    assert "TRANSFER_CONTEXT=transfer" in files["pjsip.conf"]
    keys = sections(files["features.conf"])
    assert keys["featuremap"] == {"blindxfer": ["*1"], "atxfer": ["*2"]} and keys["applicationmap"] == {
        "nuisance": ["*7,peer,Gosub(nuisance,s,1)"], "pause": ["*8,peer,Gosub(recording-pause,s,1)"],
        "confidential": ["*6,peer,Gosub(confidential,s,1)"], "picture": ["*5,peer,Gosub(village-picture,s,1)"],
    }


def test_a_browser_seat_is_left_alone_until_its_wrap_up_begins() -> None:
    queues = render(plan(**RICH), TEMPLATES)["queues.conf"]
    assert "shared_lastcall = yes" in queues
    members = [line for line in queues.splitlines() if line.startswith("member")]
    assert [line for line in members if line.endswith(",no,2")] == [line for line in members if "seat-web" in line] != []


def test_without_a_line_no_outside_agency_can_be_keyed() -> None:
    given = {"duty_numbers": [{"name": "town", "number": "09516000001", "extension": "9001"}]}
    assert "9001" not in {s.extension for s in steps(render(plan(**given), TEMPLATES)["extensions.conf"])}


def test_trunks_are_what_the_settings_say() -> None:
    pjsip = sections(render(plan(**RICH), TEMPLATES)["pjsip.conf"])
    mobile = pjsip["trunk-mobile/endpoint"]
    assert mobile["media_encryption"] == ["sdes"] and mobile["transport"] == ["transport-tls"]
    assert mobile["outbound_auth"] == ["trunk-mobile"] and mobile["from_user"] == ["12348"]
    assert pjsip["trunk-mobile/identify"]["match"] == ["203.0.113.0/24", "203.0.113.9"]
    assert pjsip["trunk-mobile/auth"]["password"] == ["secret-of-mobile"]
    registrations = [name for name in pjsip if name.endswith("/registration")]
    assert registrations == ["trunk-mobile/registration"]
    assert pjsip["trunk-carrier/identify"]["match"] == ["127.0.0.1"] and "trunk-carrier/auth" not in pjsip
    assert pjsip["trunk-old/endpoint"]["transport"] == ["transport-tcp"]
    for name in ("carrier", "mobile", "old"):
        endpoint = pjsip[f"trunk-{name}/endpoint"]
        assert endpoint["context"] == [f"from-trunk-{name}"] and endpoint["allow_transfer"] == ["no"]


def test_seats_and_queues_are_what_the_settings_say() -> None:
    files = render(plan(**RICH), TEMPLATES)
    queues, pjsip = sections(files["queues.conf"]), sections(files["pjsip.conf"])
    assert queues["hotline"]["member"] == ["PJSIP/seat-one,0,王律师,PJSIP/seat-one", "PJSIP/seat-two,0,李律师,PJSIP/seat-two"]
    assert queues["village"]["strategy"] == ["ringall"] and queues["village"]["timeout"] == ["20"]
    assert len(queues["village"]["member"]) == 2
    assert "webrtc" in pjsip["seat-web/endpoint"] and "webrtc" not in pjsip["seat-one/endpoint"]
    for seat in ("one", "two", "web"):
        assert pjsip[f"seat-{seat}/endpoint"]["context"] == ["from-seat"]
        assert pjsip[f"seat-{seat}/auth"]["password"] == [f"secret-of-{seat}"]


NAMED = {"seats": [*SEATS, {"name": "three", "operator": "赵律师", "work_number": "8001"}], "trunks": [CARRIER]}


def test_a_seat_with_a_work_number_has_a_queue_of_its_own_that_ends_in_the_hotlines() -> None:
    files = render(plan(**NAMED | {"enquiry": {"lawyer_wait_s": 90}}), TEMPLATES)
    queue, found = sections(files["queues.conf"])["lawyer-8001"], list(steps(files["extensions.conf"]))
    assert queue["member"] == ["PJSIP/seat-three,0,赵律师,PJSIP/seat-three"] and queue["context"] == ["waiting-lawyer-8001"]
    assert [s.arguments.split(",")[4] for s in found if s.context == "queue-lawyer-8001" and s.application == "Queue"] == ["90"]
    line = [s.arguments for s in found if s.context == "lawyer-line" and s.extension == "s"]
    assert line == ["", '$["${LAWYER}" = "8001"]?queue-lawyer-8001,s,1', "queue-hotline,s,1"]
    roads = {s.extension: s.arguments for s in found if s.context == "unanswered-lawyer-8001" and s.application == "Goto" and s.extension != "s"}
    assert roads == dict.fromkeys(("full", "nobody", "paused", "late"), "queue-hotline,s,1")


def test_every_question_has_a_time_limit_a_way_out_and_a_constant_address() -> None:
    found = list(steps(render(plan(**NAMED | {"asterisk": {"fastagi_port": 4600}, "enquiry": {"wait_s": 7}}), TEMPLATES)["extensions.conf"]))
    asking = {s.context: s.arguments for s in found if s.application == "AGI"}
    assert asking == {
        "ask-progress": "agi://127.0.0.1:4600/progress,${KEYED},${CALLER},${TRUNK}", "ask-roster": "agi://127.0.0.1:4600/roster",
        "ask-lawyer": "agi://127.0.0.1:4600/lawyer,${KEYED}", "ask-village-duty": "agi://127.0.0.1:4600/lawyer,${KEYED}",
        "ask-hold": "agi://127.0.0.1:4600/hold,${KEYED},${CALLER},${TRUNK}",
        **{f"ask-slots-{s}": f"agi://127.0.0.1:4600/slots-{s},${{KEYED}},${{CALLER}},${{TRUNK}}" for s in ("legal-aid", "mediation")},
    }
    for context in asking:
        run = [(s.application, s.arguments) for s in found if (s.context, s.extension) == (context, "s")]
        at = next(n for n, step in enumerate(run) if step[0] == "AGI")
        assert run[at - 2 : at] == [("Set", "AGIEXITONHANGUP=yes"), ("Set", "TIMEOUT(absolute)=7")] and run[at + 1] == ("Gosub", "call-limit,s,1")
        late = [(s.application, s.arguments) for s in found if (s.context, s.extension) == (context, "T")]
        assert late == [("Gosub", "call-limit,s,1"), run[-1]], "who gets no answer in time goes where who gets none goes"


def test_ami_stays_home_and_its_users_have_least_rights() -> None:
    manager = sections(render(plan(**RICH), TEMPLATES)["manager.conf"])
    assert manager["general"]["bindaddr"] == ["127.0.0.1"] and manager["general"]["webenabled"] == ["no"]
    for user in ("controller", "probe"):
        rights = set(manager[user]["write"][0].split(",")) | set(manager[user]["read"][0].split(","))
        assert not rights & {"all", "command", "config", "dialplan", "agi"} and manager[user]["permit"] == ["127.0.0.1/255.255.255.255"]
    assert manager["probe"]["write"] == ["reporting"]
    assert "system" not in manager["controller"]["write"][0]


def test_the_ledger_is_never_json_and_its_columns_are_the_readers() -> None:
    ledger = sections(render(plan(), TEMPLATES)["cel_custom.conf"])["ledger.csv"]
    assert ledger["format"] == ["dsv"] and len(ledger["fields"][0].split(",")) == 16
    cel = sections(render(plan(), TEMPLATES)["cel.conf"])["general"]
    assert {"LINKEDID_END", "USER_DEFINED", "BRIDGE_ENTER"} <= set(cel["events"][0].split(","))


@pytest.mark.parametrize("bad", ["a;b", "a\nb", "a\rb", "a\0b", "a\n[evil]\nexten => s,1,System(id)"])
@pytest.mark.parametrize("where", ["recordings", "system_name", "notice_version", "trunk secret", "operator", "duty"])
def test_a_value_that_would_end_a_line_is_refused(where: str, bad: str) -> None:
    fit = plan(seats=SEATS, trunks=[{**CARRIER, "mode": "registration", "user": "u", "secret_file": "/x"}],
               duty_numbers=[{"name": "one", "number": "13800000001"}])
    match where:
        case "trunk secret":
            unfit = replace(fit, trunks=[dict(fit.trunks[0]) | {"secret": bad}])
        case "operator":
            unfit = replace(fit, seats=[dict(fit.seats[0]) | {"operator": bad}])
        case "duty":
            unfit = replace(fit, duty_numbers=[{"name": "one", "number": bad}])
        case "recordings":
            unfit = replace(fit, recordings=Path(bad))
        case _:
            unfit = replace(fit, **{where: bad})
    with pytest.raises(BadSetting, match="line break or a semicolon"):
        render(unfit, TEMPLATES)


def test_a_template_that_became_unsafe_is_not_rendered(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "extensions.conf.j2").open("a") as text:
        text.write("\n[shell]\nexten => s,1,System(${CALLERID(num)})\n same => n,Hangup()\n")
    with pytest.raises(BadSetting, match=r"(?s)unsafe.*operating system.*text the caller controls"):
        render(plan(), tmp_path)


def test_files_hold_secrets_and_are_the_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "root/usr/share/asterisk/sounds").mkdir(parents=True)
    made = replace(plan(tmp_path, seats=SEATS, trunks=[CARRIER]), root=AsteriskRoot(tmp_path / "root", (22, 10, 1)))
    files = render(made, TEMPLATES)
    for _ in range(2):  # a second start writes over the first
        write(made, files)
    etc = made.run / "etc"
    assert etc.stat().st_mode & 0o777 == 0o700 and (made.run / "log/cel-custom").is_dir()
    assert {f.name for f in etc.iterdir()} == set(files)
    assert {f.stat().st_mode & 0o777 for f in etc.iterdir()} == {0o600}
    assert (etc / "extensions.conf").read_text() == files["extensions.conf"]


def test_what_a_reload_cannot_change_has_a_digest_of_its_own() -> None:
    first = plan(**RICH)
    assert first.fixed_at_start == plan(**RICH).fixed_at_start == replace(first, queues=[], system_name="ivr-8").fixed_at_start
    for other in (replace(first, ami_port=5039), replace(first, rtp_last=30000), replace(first, run=Path("/elsewhere"))):
        assert other.fixed_at_start != first.fixed_at_start


def test_a_first_menu_with_hours_is_closed_before_the_queue(tmp_path: Path) -> None:
    (tmp_path / "office.yaml").write_text(
        "name: office\nstart: waiting\nhuman: {queue: default}\nmenus:\n  waiting: {heard_in: default, prompt: menu-waiting, hours: office, "
        "closed: {message: true}}\n"
    )
    files = render(plan(**CHOOSING | {"hotline": {"menu": "office"}, "menus_dir": tmp_path}), TEMPLATES)
    start = [s for s in steps(files["extensions.conf"]) if (s.context, s.extension) == ("hotline", "start")]
    assert [s.arguments for s in start if s.application in ("Gosub", "Goto")] == ["hours-office,s,1", "closed-waiting,s,1", "queue-hotline,s,1"]
    closed = {s.extension: s.arguments for s in steps(files["extensions.conf"]) if s.context == "closed-waiting" and s.application == "Goto"}
    assert (closed["t"], closed["1"], closed["0"]) == ("message,s,1", "emergency,s,1", "queue-hotline,s,1")
    open_at = [s.arguments for s in steps(files["extensions.conf"]) if s.context == "hours-office" and "OPEN=$[" in s.arguments]
    assert open_at == [
        "OPEN=$[${OPEN} | (${WORKDAY} = 1 & ${TIME} >= 10830 & ${TIME} < 11200)]",
        "OPEN=$[${OPEN} | (${WORKDAY} = 1 & ${TIME} >= 11430 & ${TIME} < 11800)]",
    ]


def test_roads_lead_where_the_settings_say() -> None:
    roads: dict[str, Any] = RICH | {"queues": [
        {"name": "hotline", "full": "queue:village", "nobody": "wait", "paused": "wait"},
        {"name": "village", "full": "callback", "nobody": "duty:county", "paused": "message", "late": "end", "most_waiting": 7},
    ]}
    files = render(plan(**roads), TEMPLATES)
    leads = {
        (s.context, s.extension): s.arguments for s in steps(files["extensions.conf"])
        if s.context.startswith("unanswered-") and s.application == "Goto" and s.extension != "s"
    }
    assert leads == {
        ("unanswered-hotline", "full"): "queue-village,s,1", ("unanswered-hotline", "nobody"): "no-road,s,1",
        ("unanswered-hotline", "paused"): "no-road,s,1", ("unanswered-hotline", "late"): "message,s,1",
        ("unanswered-village", "full"): "callback-village,s,1", ("unanswered-village", "nobody"): "duty-road-county,s,1",
        ("unanswered-village", "paused"): "message,s,1", ("unanswered-village", "late"): "no-road,s,1",
    }
    queues = sections(files["queues.conf"])
    assert (queues["hotline"]["joinempty"], queues["hotline"]["leavewhenempty"]) == (["yes"], ["no"])
    assert queues["village"]["joinempty"] == queues["village"]["leavewhenempty"] == ["unavailable,invalid,paused"]
    assert queues["village"]["maxlen"] == ["7"]


def test_a_call_back_leads_to_the_queue_its_menu_is_heard_in() -> None:
    for given, menu in (({}, "waiting"), ({"hotline": {"menu": "menu"}}, "waiting")):
        found = list(steps(render(plan(**RICH | given), TEMPLATES)["extensions.conf"]))
        key = [s for s in found if (s.context, s.extension) == ("waiting-hotline", "7")]
        assert [s.arguments for s in key if s.application in ("CELGenUserEvent", "Goto")] == [f"MENU,{menu}:7", "callback-hotline,s,1"]
    promised = [s.arguments for s in found if s.context.startswith("callback-") and s.arguments.startswith("CALLBACK,")]
    assert promised == ["CALLBACK,hotline:${NUMBER}", "CALLBACK,village:${NUMBER}"]


def test_the_dialplan_takes_off_the_prefixes_the_core_takes_off() -> None:
    line = CARRIER | {"caller_prefixes": {"+86": "", "0086": "", "+": "00", "9,": "x", "86;": ""}}
    found = list(steps(render(plan(seats=SEATS, trunks=[line]), TEMPLATES)["extensions.conf"]))
    rules = [s.arguments for s in found if s.context == "own-number-carrier" and s.application == "GotoIf"]
    assert [r.partition("!= ")[2].partition("]")[0] for r in rules[1:]] == ['"0086"', '"+86"', '"+"'], "the longest first; others cannot end in a number"


SPEAKING: dict[str, Any] = {
    "seats": [*SEATS, {"name": "three", "queues": ["dialect"]}], "trunks": [CARRIER],
    "queues": [{"name": "hotline"}, {"name": "dialect"}],
    "languages": [{"name": "ningxia", "title": "宁夏方言", "queue": "dialect", "key": "4"}, {"name": "mongolian", "title": "蒙古语", "queue": "dialect"}],
}


def test_a_human_is_one_who_speaks_the_callers_language_else_any() -> None:
    files = render(plan(**SPEAKING), TEMPLATES)
    found = list(steps(files["extensions.conf"]))
    assert lint(files["extensions.conf"]) == []
    languages = {"known-language", "human", "human-dialect", "language-ningxia", "language-mongolian", "waiting-dialect"}
    assert languages <= {s.context for s in found}
    leads = [s.arguments for s in found if s.context == "human" and s.extension == "s"]
    assert leads == ["", *(f'$["${{CALLER_LANGUAGE}}" = "{n}"]?human-dialect,s,1' for n in ("ningxia", "mongolian")), "queue-hotline,s,1"]
    direct = {(s.context, s.extension) for s in found if "queue-hotline,s,1" in s.arguments}
    back = {("unanswered-dialect", why) for why in ("full", "nobody", "paused", "late")}
    assert direct == {
        ("human", "s"), ("waiting-dialect", "0"), *back, *(("waiting-hotline", k) for k in "9*0it"), ("callback-answered-hotline", "0"),
        ("unanswered-hotline", "paused"),
    }, "everybody else who wants a human goes by way of the language"
    counted = {s.context for s in found if s.arguments.startswith("ROADS=")}
    assert counted == {"unanswered-hotline"}, "who asked for a language has as many roads as everybody"


def test_who_waits_for_a_language_hears_the_menu_and_has_its_keys() -> None:
    files = render(plan(**SPEAKING), TEMPLATES)
    found, queue = list(steps(files["extensions.conf"])), sections(files["queues.conf"])["dialect"]
    keys = {w: {s.extension: s.arguments for s in found if s.context == f"waiting-{w}" and s.application == "CELGenUserEvent"} for w in ("hotline", "dialect")}
    assert keys["hotline"] == keys["dialect"] and keys["dialect"]["4"] == "MENU,waiting:4"
    assert queue["context"] == ["waiting-dialect"] and queue["musicclass"] == ["waiting-hotline"]
    assert queue["joinempty"] == ["unavailable,invalid,paused"] and queue["member"] == ["PJSIP/seat-three,0,three,PJSIP/seat-three"]


def test_the_offer_of_a_language_is_heard_after_the_menu(tmp_path: Path) -> None:
    speaking = plan(tmp_path, **SPEAKING)
    music = tmp_path / "asterisk/usr/share/asterisk/moh"
    music.mkdir(parents=True)
    (music / "calm.wav").write_bytes(b"")
    here = replace(speaking, root=AsteriskRoot(tmp_path / "asterisk", (22, 10, 1)))
    write(here, render(here, TEMPLATES))
    folder = sorted((tmp_path / "run/music/hotline").iterdir())
    assert [f.readlink().name for f in folder][:2] == ["menu-waiting.wav", "choose-ningxia.wav"]


def test_without_languages_no_caller_is_asked_about_one() -> None:
    assert "CALLER_LANGUAGE" not in render(plan(**RICH), TEMPLATES)["extensions.conf"]
