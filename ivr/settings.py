"""Every setting of the product, with its default and its reason; read from the environment and one TOML file.

The environment wins over the file: ``IVR_WEB__PORT=8443`` sets ``[web] port``. The file is ``IVR_CONFIG``, else
``/etc/ivr/ivr.toml``, else ``<state_dir>/ivr.toml`` when one of them exists. A wrong value is a BadSetting that names
the setting and the remedy; nothing is started with half a configuration.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from ivr.domain.errors import BadSetting
from ivr.settings_analysis import AnalysisSettings
from ivr.settings_partners import DeliverySettings, NoticeSettings, PartnerSettings
from ivr.settings_privacy import PrivacySettings
from ivr.settings_quality import QualitySettings
from ivr.settings_sections import (
    AsteriskSettings,
    CalendarSettings,
    CallbackSettings,
    DutyNumber,
    EnquirySettings,
    FigureSettings,
    HotlineSettings,
    IntakeSettings,
    LanguageSettings,
    OpeningHoursSettings,
    OrderSettings,
    PromptSettings,
    QueueSettings,
    SeatSettings,
    SpeechSettings,
    TrunkSettings,
    WebSettings,
)
from ivr.settings_village import VillageSettings

PROJECT_ROOT = Path(__file__).resolve().parent.parent

def default_state_dir() -> Path:
    """Where everything but the clone lives: /var/lib/ivr for root, else the home's state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/ivr")
    return Path(os.environ.get("XDG_STATE_HOME", str(Path.home() / ".local/state"))) / "ivr"


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        env_prefix="IVR_", env_nested_delimiter="__", extra="forbid", frozen=True, nested_model_default_partial_update=True
    )

    state_dir: Path = Field(default_factory=default_state_dir, description="Everything that outlives a start")
    recordings_dir: Path = Field(PROJECT_ROOT / "recordings", description="Spool and store of recordings")
    menus_dir: Path | None = Field(None, description="Folder of further menu plans; one of a shipped name takes its place")
    database_url: str | None = Field(None, description="postgresql://…; empty: an embedded server")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line that is logged")
    disk_reserve_mb: int = Field(
        512, ge=1, description="Free space on a volume of ours (recordings, ledger, database) below which an alarm is raised"
    )
    web: WebSettings = Field(default_factory=WebSettings)
    asterisk: AsteriskSettings = Field(default_factory=AsteriskSettings)
    hotline: HotlineSettings = Field(default_factory=HotlineSettings)
    village: VillageSettings = Field(default_factory=VillageSettings)
    callback: CallbackSettings = Field(default_factory=CallbackSettings)
    enquiry: EnquirySettings = Field(default_factory=EnquirySettings)
    prompts: PromptSettings = Field(default_factory=PromptSettings)
    speech: SpeechSettings = Field(default_factory=SpeechSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    queues: list[QueueSettings] = Field(default_factory=lambda: [QueueSettings(name="hotline", title="法律服务热线")])
    seats: list[SeatSettings] = Field(default_factory=list)
    trunks: list[TrunkSettings] = Field(default_factory=list)
    duty_numbers: list[DutyNumber] = Field(default_factory=list)
    languages: list[LanguageSettings] = Field(default_factory=list)
    opening_hours: list[OpeningHoursSettings] = Field(default_factory=list)
    calendar: CalendarSettings = Field(default_factory=CalendarSettings)
    partners: list[PartnerSettings] = Field(default_factory=list)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    notices: NoticeSettings = Field(default_factory=NoticeSettings)
    orders: OrderSettings = Field(default_factory=OrderSettings)
    figures: FigureSettings = Field(default_factory=FigureSettings)
    analysis: AnalysisSettings = Field(default_factory=AnalysisSettings)
    quality: QualitySettings = Field(default_factory=QualitySettings)
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)

    @field_validator("state_dir", "recordings_dir")
    @classmethod
    def _plain_path(cls, value: Path) -> Path:
        path = value.expanduser().absolute()
        if not all(c.isalnum() or c in "/._-" for c in str(path)):
            raise ValueError(f"{path}: Asterisk reads this path; use letters, digits and / . _ - only")
        return path

    @model_validator(mode="after")
    def _names_fit(self) -> Settings:
        for kind, names in (
            ("queues", [q.name for q in self.queues]), ("seats", [s.name for s in self.seats]),
            ("trunks", [t.name for t in self.trunks]), ("duty_numbers", [d.name for d in self.duty_numbers]),
            ("opening_hours", [o.name for o in self.opening_hours]), ("partners", [p.name for p in self.partners]),
            ("languages", [one.name for one in self.languages]), ("languages.key", [one.key for one in self.languages if one.key]),
            ("work_number and extension", [n for n in self._keyed_numbers() if n]),
        ):
            twice = {n for n in names if names.count(n) > 1}
            if twice:
                raise ValueError(f"{kind}: the name {sorted(twice)[0]} is used twice")
        known = {q.name for q in self.queues}
        if self.hotline.queue not in known:
            raise ValueError(f"hotline.queue {self.hotline.queue} is not among queues {sorted(known)}")
        self._check_languages(known)
        self._check_roads(known)
        for seat in self.seats:
            for queue in seat.queues:
                if queue not in known:
                    raise ValueError(f"seat {seat.name} names the queue {queue}, known are {sorted(known)}")
        if (self.asterisk.wss_port or self.asterisk.sip_tls_port) and self.web.tls == "off":
            raise ValueError("asterisk.wss_port and sip_tls_port need web.tls: they use the same certificate")
        for trunk in self.trunks:
            if trunk.transport == "tls" and not self.asterisk.sip_tls_port:
                raise ValueError(f"trunk {trunk.name}: transport = tls needs asterisk.sip_tls_port (and web.tls)")
        return self

    @property
    def waiting_queues(self) -> list[QueueSettings]:
        """The queues as they are in force: those of languages are waited in for a short time only, and lead to any seat."""
        titles = {language.queue: language.title for language in reversed(self.languages)}
        onward = f"queue:{self.hotline.queue}"
        return [
            queue if queue.name not in titles else queue.model_copy(update={
                "title": queue.title or titles[queue.name], "full": onward, "nobody": onward, "paused": onward, "late": onward,
                "wait_limit_s": queue.wait_limit_s if "wait_limit_s" in queue.model_fields_set else self.hotline.language_wait_s,
            }) for queue in self.queues
        ]

    def _check_languages(self, queues: set[str]) -> None:
        """Who asks for a language is never worse off: its queue leads to the hotline's, whatever happens."""
        onward = f"queue:{self.hotline.queue}"
        asked = {queue.name: queue for queue in self.queues}
        for language in self.languages:
            if language.queue not in queues or language.queue == self.hotline.queue:
                there = ", ".join(sorted(queues - {self.hotline.queue})) or "none"
                raise ValueError(
                    f"language {language.name}: queue must be one beside hotline.queue, not {language.queue}; there is {there}"
                )
            queue = asked[language.queue]
            for why, road in queue.roads.items():
                if why in queue.model_fields_set and road != onward:
                    raise ValueError(
                        f"queue {queue.name}: {why} = {road}, but who asks for {language.name} goes on to any seat; remove it"
                    )

    def _check_roads(self, queues: set[str]) -> None:
        """Roads from queue to queue lead somewhere, and in no circle; one to a telephone needs a line."""
        duty = {d.name for d in self.duty_numbers}
        emergency = self.hotline.emergency_duty
        if emergency and (emergency not in duty or not self.trunks):
            raise ValueError(f"hotline.emergency_duty {emergency} is no duty number that a trunk could call")
        onward: dict[str, set[str]] = {}
        for queue in self.waiting_queues:
            for why, road in queue.roads.items():
                kind, _, name = road.partition(":")
                if kind in ("queue", "duty") and name not in (queues if kind == "queue" else duty):
                    there = ", ".join(sorted(queues if kind == "queue" else duty)) or "none"
                    raise ValueError(f"queue {queue.name}: {why} = {road}, but there is no such {kind}; there is {there}")
                if kind == "duty" and not self.trunks:
                    raise ValueError(f"queue {queue.name}: {why} = {road} needs a trunk to call it by")
                if kind == "queue":
                    onward.setdefault(queue.name, set()).add(name)
        for start in onward:
            ahead, seen = set(onward[start]), set[str]()
            while ahead:
                name = ahead.pop()
                if name == start:
                    raise ValueError(f"queue {start}: its roads lead back to it; let one of them end in message, callback or duty")
                seen.add(name)
                ahead |= onward.get(name, set()) - seen

    def _keyed_numbers(self) -> list[str]:
        return [*(s.work_number for s in self.seats), *(d.extension for d in self.duty_numbers)]

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = config_file()
        toml = (TomlConfigSettingsSource(settings_cls, toml_file=file),) if file else ()
        return (init_settings, env_settings, *toml)


def config_file() -> Path | None:
    """The TOML file in force, or None; an IVR_CONFIG that does not exist is an error, not a silent default."""
    named = os.environ.get("IVR_CONFIG")
    if named:
        if not Path(named).is_file():
            raise BadSetting(f"IVR_CONFIG names {named}, which is not a file; correct the path or unset it")
        return Path(named)
    state = Path(os.environ.get("IVR_STATE_DIR") or default_state_dir())
    for candidate in (Path("/etc/ivr/ivr.toml"), state / "ivr.toml"):
        if candidate.is_file():
            return candidate
    return None


def load_settings(**given: Any) -> Settings:
    """Read the settings in force; every wrong value is told at once in one BadSetting."""
    unknown = sorted(
        key for key in os.environ
        if key.startswith("IVR_") and key not in {"IVR_CONFIG"}
        and key[4:].split("__")[0].lower() not in Settings.model_fields
    )
    if unknown:
        raise BadSetting(f"unknown settings in the environment: {', '.join(unknown)}; `ivr settings` lists the known ones")
    try:
        return Settings(**given)
    except ValidationError as wrong:
        lines = [f"  {'.'.join(str(p) for p in e['loc']) or 'settings'}: {e['msg']}" for e in wrong.errors()]
        where = config_file()
        raise BadSetting("wrong settings" + (f" (file {where})" if where else "") + ":\n" + "\n".join(lines)) from wrong
    except SettingsError as wrong:
        raise BadSetting(f"{wrong}: in the environment a list or table is written as JSON; better set it in the file") from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise BadSetting(f"{config_file()} is not TOML: {wrong}") from wrong
