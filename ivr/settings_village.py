"""The settings of village video phones."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class VillageSettings(BaseModel):
    """Village video phones: how long each step of the ladder rings, and what a device may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adviser_s: int = Field(40, ge=5, le=120, description="How long the village's own adviser is rung")
    duty_s: int = Field(40, ge=5, le=120, description="How long the duty lawyer of the device's speciality is rung then")
    station_s: int = Field(40, ge=5, le=120, description="How long the town's station is rung when key 3 asked for it")
    called_s: int = Field(60, ge=15, le=180, description="How long a village's phone rings when somebody calls it from an order")
    wait_limit_s: int = Field(180, ge=10, le=7200, description="Longest wait for any operator then, before a voice message")
    ahead_s: int = Field(
        120, ge=0, le=3600, description="A village waits as if it had arrived this much earlier than a telephone; 0: alike"
    )
    prompts: Literal["louder", "slow", "normal"] = Field(
        "louder", description="What a village hears: slowly and louder, slowly, or like every caller until * is pressed"
    )
    address_hours: int = Field(
        72, ge=1, le=720, description="How long the address stands from which a device fetches its configuration"
    )
    silence_s: int = Field(
        30, ge=5, le=120, description="Nothing heard of a device for so long in a call: its line is lost, its telephone is called"
    )
    calls_per_device: int = Field(1, ge=1, le=10, description="Calls one device may have at once")
    silent_days: int = Field(30, ge=1, le=365, description="A device without a call for so many days could be used, and is not")
    self_test_at: time = Field(
        time(1, 30), description="When the nightly self-tests begin, by Shanghai's clock; of devices whose row says self_test alone"
    )
    self_test_minutes: int = Field(180, ge=1, le=720, description="The devices' self-tests are spread evenly over so many minutes")
    self_tests_at_once: int = Field(2, ge=1, le=8, description="Self-tests under way at the same time")
    film: bool = Field(
        False, description="Record the picture of rooms of three sides, whose villager and third are told so first; off: never any"
    )
    film_minutes: int = Field(120, ge=1, le=240, description="Longest recording of one room's picture; the room itself goes on")
    film_disk_mb: int = Field(
        20_000, ge=100, le=10_000_000, description="Most that all recorded pictures take of the recordings disk; then none begins"
    )
