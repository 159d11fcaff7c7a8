"""Render Asterisk's whole configuration from data into a run directory.

The result depends on its inputs alone, so two renderings can be compared before one is loaded. Every value is checked
against the characters Asterisk's files give a meaning to; a rendering that fails the lint is never written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivr.domain.appointment import SERVICES
from ivr.domain.callback import DIALABLE
from ivr.domain.caller_language import Language
from ivr.domain.errors import BadSetting
from ivr.domain.menu import Menu, MenuPlan, Target
from ivr.domain.voice_notice import LONGEST_NOTICE_S
from ivr.domain.working_days import OpeningHours
from ivr.telephony.asterisk_root import AsteriskRoot
from ivr.telephony.dialplan_lint import lint
from ivr.telephony.spoken_answers import spoken_answers, spoken_keys

LEDGER_FIELDS = (
    "eventtype", "eventenum", "userdeftype", "eventtime(double)", "linkedid", "uniqueid", "channame", "num", "name",
    "dnid", "exten", "context", "appname", "appdata", "peer", "eventextra",
)

MODULES = (
    # resources
    "res_timing_timerfd", "res_crypto", "res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb",
    "res_http_websocket", "res_rtp_asterisk", "res_srtp", "res_musiconhold", "res_speech", "res_agi", "res_pjproject",
    "res_audiosocket", "res_clialiases", "res_stasis", "res_cdrel_custom", "res_manager_devicestate",
    # SIP
    "res_pjsip", "res_pjsip_session", "res_pjsip_sdp_rtp", "res_pjsip_pubsub", "res_pjsip_outbound_publish",
    "res_pjsip_exten_state", "res_pjsip_registrar", "res_pjsip_outbound_registration",
    "res_pjsip_authenticator_digest", "res_pjsip_outbound_authenticator_digest", "res_pjsip_endpoint_identifier_user",
    "res_pjsip_endpoint_identifier_ip", "res_pjsip_caller_id", "res_pjsip_dtmf_info", "res_pjsip_nat",
    "res_pjsip_refer", "res_pjsip_rfc3326", "res_pjsip_header_funcs", "res_pjsip_transport_websocket", "res_pjsip_acl",
    "res_pjsip_path", "chan_pjsip", "func_pjsip_endpoint", "func_pjsip_aor", "func_pjsip_contact",
    # dialplan and bridges
    "pbx_config", "chan_bridge_media", "bridge_simple", "bridge_native_rtp", "bridge_softmix", "bridge_holding",
    "bridge_builtin_features", "bridge_builtin_interval_features",
    # codecs and formats
    "codec_ulaw", "codec_alaw", "codec_a_mu", "codec_g722", "codec_resample", "codec_opus_open_source",
    "res_format_attr_opus", "res_format_attr_h264", "res_format_attr_vp8", "format_wav", "format_pcm", "format_sln",
    "format_h264", "format_vp8",
    # applications
    "app_dial", "app_queue", "app_mixmonitor", "app_playback", "app_read", "app_record", "app_stack", "app_verbose",
    "app_audiosocket", "app_exec", "app_echo", "app_chanspy", "app_bridgeaddchan", "app_channelredirect", "app_softhangup",
    "app_userevent", "app_cdr", "app_originate", "app_confbridge",
    "cel_custom", "app_celgenuserevent",
    # functions
    "func_callerid", "func_channel", "func_cut", "func_db", "func_devstate", "func_env", "func_global", "func_groupcount",
    "func_hangupcause", "func_logic", "func_math", "func_strings", "func_timeout", "func_uri", "func_uuid",
    "func_periodic_hook",
)

VILLAGE_DEFAULTS: Mapping[str, int | str] = {
    "adviser_s": 40, "duty_s": 40, "station_s": 40, "wait_limit_s": 180, "ahead_s": 120, "calls_per_device": 1, "prompts": "louder",
    "film": False, "film_minutes": 120,
}

# Arrivals are told apart by tenths of a second since 2026; what is left of 32 bits lasts until 2032, and then wraps into
# priorities below zero, which Asterisk compares just as well.
_TENTHS_BEFORE = 17_672_256_000

_EMPTY = (
    "acl.conf", "ccss.conf", "chan_websocket.conf", "cli_aliases.conf", "codecs.conf", "dsp.conf",
    "pjproject.conf", "queuerules.conf", "stasis.conf", "udptl.conf",
)

_TEMPLATES = (
    "asterisk.conf", "modules.conf", "logger.conf", "cel.conf", "cel_custom.conf", "http.conf", "manager.conf",
    "rtp.conf", "indications.conf", "musiconhold.conf", "queues.conf", "pjsip.conf", "extensions.conf", "cdr.conf",
    "features.conf", "confbridge.conf",
)


@dataclass(frozen=True, slots=True)
class SecureWebSocket:
    """Where browsers' phones connect: host and port, and the certificate shared with the pages."""

    host: str
    port: int
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ExchangePlan:
    """All that decides Asterisk's configuration; plain data, so that it can be rendered, compared and tested."""

    run: Path
    root: AsteriskRoot
    system_name: str
    recordings: Path
    prompts: Path
    notice_version: str
    hotline: dict[str, Any]
    queues: Sequence[dict[str, Any]]
    seats: Sequence[dict[str, Any]]
    trunks: Sequence[dict[str, Any]]
    duty_numbers: Sequence[dict[str, Any]]
    credentials: dict[str, str]
    sip: dict[str, Any]
    rtp_first: int
    rtp_last: int
    ami_port: int
    menus: MenuPlan
    opening_hours: Mapping[str, OpeningHours] = field(default_factory=dict)
    days_off: Sequence[str] = ()
    days_on: Sequence[str] = ()
    wss: SecureWebSocket | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    extra_modules: Sequence[str] = ()
    fastagi_port: int = 4573
    audiosocket_port: int = 4574
    spoken_longest_s: int = 6
    enquiry: Mapping[str, Any] = field(default_factory=lambda: {"wait_s": 4, "tries": 3})
    languages: Sequence[Language] = ()
    village: Mapping[str, int | str] = field(default_factory=lambda: dict(VILLAGE_DEFAULTS))

    @property
    def fixed_at_start(self) -> str:
        """A digest of what a running Asterisk cannot take over by a reload: program, folders, addresses, modules."""
        fixed = (
            self.run, self.root.root, self.root.version, self.recordings, self.sip, self.rtp_first, self.rtp_last,
            self.ami_port, self.wss, self.tls_certificate, self.tls_key, MODULES, tuple(self.extra_modules),
        )
        return hashlib.sha256(repr(fixed).encode()).hexdigest()


def checked(value: Any) -> Any:
    """Refuse characters that would end a line or start a comment; applied to everything a template prints."""
    if re.search(r"[\r\n\0;]", str(value)):
        raise BadSetting(f"{str(value)!r} holds a line break or a semicolon, which Asterisk's configuration cannot carry")
    return value


def render(plan: ExchangePlan, templates: Path) -> dict[str, str]:
    """File name → text of the complete configuration. Raises BadSetting when a value is unfit or the lint objects."""
    environment = Environment(
        loader=FileSystemLoader(templates), undefined=StrictUndefined, finalize=checked, keep_trailing_newline=True,
        autoescape=False,
    )
    plan = replace(plan, menus=_with_callback_queues(plan.menus))
    goto = partial(_place_by_language, plan) if plan.languages else place_of
    values: dict[str, Any] = {name: getattr(plan, name) for name in plan.__slots__}
    values |= {
        "ledger_fields": LEDGER_FIELDS, "modules": [*MODULES, *plan.extra_modules],
        "wss_certificate": plan.tls_certificate, "wss_key": plan.tls_key, "goto": goto, "road": _road,
        "first_step": goto(_first_target(plan.menus)), "first_menu": plan.menus.menus[plan.menus.start],
        "dialable": DIALABLE, "longest_notice_s": LONGEST_NOTICE_S,
        "spoken_keys": spoken_keys, "spoken_answers": spoken_answers, "own_prefixes": _own_prefixes,
        "tenths_before": _TENTHS_BEFORE, "appointment_services": list(SERVICES), "transfer_targets": _transfer_targets(plan),
        "heard_waiting": {menu.heard_in: menu for menu in plan.menus.menus.values() if menu.heard_in},
    }
    files = {name: environment.get_template(f"{name}.j2").render(values) for name in _TEMPLATES}
    empty = environment.get_template("empty.conf.j2").render()
    files |= dict.fromkeys(_EMPTY, empty)
    complaints = lint(files["extensions.conf"])
    if complaints:
        raise BadSetting("the rendered dialplan is unsafe:\n" + "\n".join(f"  {c}" for c in complaints))
    return files


def place_of(target: Target) -> str:
    """Context, extension and priority of a menu's target."""
    return f"{target.kind}-{target.name},s,1" if target.name else f"{target.kind},s,1"


def _place_by_language(plan: ExchangePlan, target: Target) -> str:
    """As ``place_of``, but who wants a human, and is known to want a language, is led to its seats first."""
    human = target.kind == "queue" and target.name == plan.menus.human.name
    return "human,s,1" if human else place_of(target)


def _transfer_targets(plan: ExchangePlan) -> list[dict[str, str]]:
    """What an operator can key to transfer a call: seats by work number, outside telephones by extension."""
    seats = [
        {"extension": s["work_number"], "seat": s["endpoint"], "queue": next(iter(s["queues"]), "")}
        for s in plan.seats if s.get("work_number")
    ]
    outside = [{"extension": d["extension"], "seat": "", "number": d["number"]} for d in plan.duty_numbers if d.get("extension")]
    return seats + (outside if plan.trunks else [])


def _with_callback_queues(menus: MenuPlan) -> MenuPlan:
    """The plan with the queue of each call-back named: the one the menu is heard in, else the one of key 0."""
    def named(menu: Menu, target: Target | None) -> Target | None:
        if target is None or target.kind != "callback":
            return target
        return replace(target, name=menu.heard_in or menus.human.name)

    return replace(menus, menus={
        name: replace(
            menu, keys={k: named(menu, t) or t for k, t in menu.keys.items()}, otherwise=named(menu, menu.otherwise),
            closed=named(menu, menu.closed),
        ) for name, menu in menus.menus.items()
    })


def _own_prefixes(trunk: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A line's caller-id rules that can end in a number to dial, the longest prefix first, as ``normalise`` takes them."""
    rules: Mapping[str, str] = trunk["caller_prefixes"]
    return [
        (prefix, rules[prefix]) for prefix in sorted(rules, key=len, reverse=True)
        if re.fullmatch(r"[+0-9]{1,15}", prefix, re.ASCII) and re.fullmatch(r"[0-9]{0,10}", rules[prefix], re.ASCII)
    ]


def _road(queue: Mapping[str, Any], why: str) -> str:
    """Where a queue's road leads, by reason; after ``wait`` in vain, words that end the call."""
    kind, _, name = str(queue[why]).partition(":")
    places = {
        "queue": f"queue-{name}", "duty": f"duty-road-{name}", "callback": f"callback-{queue['name']}",
        "end": "no-road", "wait": "no-road",
    }
    return f"{places.get(kind, kind)},s,1"


def _first_target(menus: MenuPlan) -> Target:
    """Where a call goes after the notice: the first menu, or the queue it is heard in."""
    first = menus.menus[menus.start]
    return Target("queue", first.heard_in) if first.heard_in else Target("menu", first.name)


def write(plan: ExchangePlan, files: dict[str, str]) -> None:
    """Write a rendering and make the folders Asterisk needs; files hold secrets and are readable by the owner alone."""
    for folder in ("etc", "lib", "keys", "spool", "run", "log/cel-custom", "data/sounds"):
        (plan.run / folder).mkdir(parents=True, exist_ok=True)
    (plan.run / "etc").chmod(0o700)
    (plan.run / "keys").chmod(0o700)
    for name in ("documentation", "moh", "rest-api"):
        _link(plan.run / "data" / name, plan.root.data / name)
    # Debian's own sounds/en goes through an absolute link that is broken outside a chroot.
    sounds = plan.root.data / "sounds"
    english = next((p for p in sounds.glob("en_US_*") if p.is_dir()), sounds / "en")
    _link(plan.run / "data/sounds/en", english)
    _link(plan.run / "data/sounds/zh", plan.prompts)
    _link(plan.run / "data/sounds/zh_slow", plan.prompts / "slow")
    _link(plan.run / "data/sounds/zh_louder", plan.prompts / "louder")
    _write_waiting_music(plan)
    for name, text in files.items():
        fresh = plan.run / "etc" / f".{name}.new"
        fresh.write_text(text)
        fresh.chmod(0o600)
        fresh.rename(plan.run / "etc" / name)


def _write_waiting_music(plan: ExchangePlan) -> None:
    """What callers hear who wait: the menu first, then the music. Seats ring meanwhile, and an answer cuts it short."""
    music = sorted(file for file in plan.root.music.iterdir() if file.is_file()) if plan.root.music.is_dir() else []
    for menu in plan.menus.menus.values():
        if menu.heard_in:
            folder = plan.run / "music" / menu.heard_in
            folder.mkdir(parents=True, exist_ok=True)
            said = {f"00-menu{n or ''}.wav": plan.prompts / f"{prompt}.wav" for n, prompt in enumerate(menu.heard)}
            wanted = said | {f"{n:02}-{f.name}": f for n, f in enumerate(music, 1)}
            for old in folder.iterdir():
                if old.name not in wanted:
                    old.unlink()
            for name, target in wanted.items():
                _link(folder / name, target)


def _link(at: Path, target: Path) -> None:
    if at.is_symlink() and at.readlink() == target:
        return
    at.unlink(missing_ok=True)
    at.symlink_to(target)
