"""Partners in the settings: no secret is a default, is short, or is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.bootstrap import describe
from ivr.domain.errors import BadSetting
from ivr.settings import load_settings

SECRET = "0123456789abcdef0123456789abcdef"


def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str):  # type: ignore[no-untyped-def]
    file = tmp_path / "ivr.toml"
    file.write_text(text, "utf-8")
    monkeypatch.setenv("IVR_CONFIG", str(file))
    return load_settings(state_dir=tmp_path)


def test_there_is_no_partner_until_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path, monkeypatch, "").partners == []


def test_a_secret_is_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(tmp_path, monkeypatch, f'[[partners]]\nname = "region"\nsecret = "{SECRET}"\nurl = "https://region.example/x"\n')
    assert settings.partners[0].secret.get_secret_value() == SECRET
    assert SECRET not in json.dumps(describe(settings)) and SECRET not in repr(settings)


def test_partners_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_PARTNERS", json.dumps([{"name": "region", "secret": SECRET}]))
    assert load(tmp_path, monkeypatch, "").partners[0].url == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('secret = "short"', "at least 32"), ("", "secret"), (f'secret = "{SECRET}"\nurl = "http://region.example/"', "https://"),
        (f'secret = "{SECRET}"\nurl = "https://u:p@region.example/"', "without a password"), (f'secret = "{SECRET}"\nurl = "ftp://x"', "https://"),
        (f'secret = "{SECRET}"\nevents = ["order.lost"]', "order.created"), (f'secret = "{SECRET}"\nsecrets = "x"', "secrets"),
        (f'secret = "{SECRET}"\n[[partners]]\nname = "region"\nsecret = "{SECRET}"', "used twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said) as wrong:
        load(tmp_path, monkeypatch, f'[[partners]]\nname = "region"\n{more}\n')
    assert SECRET not in str(wrong.value)
