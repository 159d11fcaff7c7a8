"""Every wrong setting is refused with its name and a remedy; the environment beats the file; the reference is true."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ivr.domain.errors import BadSetting
from ivr.settings import PROJECT_ROOT, Settings, config_file, load_settings
from ivr.settings_reference import reference
from ivr.settings_sections import is_loopback


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No setting from outside: a state folder of the test's own, nothing else."""
    for key in list(os.environ):
        if key.startswith("IVR_"):
            monkeypatch.delenv(key)
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path))
    return monkeypatch


def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: str | bytes = "", **variables: str) -> str:
    """The message settings are refused with; read from a file named by IVR_CONFIG and from variables."""
    if toml:
        file = tmp_path / "given.toml"
        file.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
        monkeypatch.setenv("IVR_CONFIG", str(file))
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(BadSetting) as wrong:
        load_settings()
    assert "Traceback" not in str(wrong.value)
    return str(wrong.value)


def test_nothing_given_is_a_working_configuration(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.state_dir == tmp_path and settings.web.host == "127.0.0.1" and settings.web.tls == "off"
    assert [q.name for q in settings.queues] == ["hotline"]


def test_the_environment_beats_the_file_key_by_key(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ivr.toml").write_text('log_level = "debug"\n[web]\nport = 8001\nsession_idle_minutes = 3\n')
    environment.setenv("IVR_WEB__PORT", "8002")
    settings = load_settings()
    assert (settings.web.port, settings.web.session_idle_minutes, settings.log_level) == (8002, 3, "debug")
    assert load_settings(log_level="error").log_level == "error"


def test_ivr_config_names_the_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ivr.toml").write_text("disk_reserve_mb = 1\n")
    (tmp_path / "other.toml").write_text("disk_reserve_mb = 2\n")
    environment.setenv("IVR_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().disk_reserve_mb == 2 and config_file() == tmp_path / "other.toml"


def test_a_missing_ivr_config_is_no_silent_default(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "which is not a file; correct the path or unset it" in refused(environment, tmp_path, IVR_CONFIG="/no/such.toml")
    assert "which is not a file" in refused(environment, tmp_path, IVR_CONFIG=str(tmp_path))


WRONG_VARIABLES = [
    ({"IVR_WEB__PORT": "0"}, ["web.port", "greater than or equal to 1"]),
    ({"IVR_WEB__PORT": "65536"}, ["web.port", "less than or equal to 65535"]),
    ({"IVR_WEB__PORT": "6000"}, ["web.port", "browsers refuse to connect to port 6000"]),
    ({"IVR_ASTERISK__WSS_PORT": "5061", "IVR_WEB__TLS": "local_ca"}, ["asterisk.wss_port", "browsers refuse to connect to port 5061"]),
    ({"IVR_WEB__PORT": "http"}, ["web.port", "integer"]),
    ({"IVR_WEB__HOST": "0.0.0.0"}, ["reachable from other machines", "set web.tls"]),
    ({"IVR_WEB__HOST": "example.org"}, ["reachable from other machines", "set web.tls"]),
    ({"IVR_WEB__TLS": "files"}, ["web.certificate and web.key"]),
    ({"IVR_WEB__TLS": "maybe"}, ["web.tls", "'off', 'files' or 'local_ca'"]),
    ({"IVR_WEB__PRT": "1"}, ["web.prt", "not permitted"]),
    ({"IVR_PORT": "1", "IVR_HOST": "x"}, ["unknown settings in the environment: IVR_HOST, IVR_PORT", "ivr settings"]),
    ({"IVR_SEATS": "[{"}, ["seats", "JSON"]),
    ({"IVR_SEATS": '[{"name": "One"}]'}, ["seats.0.name", "pattern"]),
    ({"IVR_LOG_LEVEL": "loud"}, ["log_level"]),
    ({"IVR_ASTERISK__SIP_HOST": "0.0.0.0"}, ["sip_host must be one address"]),
    ({"IVR_ASTERISK__SIP_HOST": "pbx.local"}, ["sip_host must be one address"]),
    ({"IVR_ASTERISK__RTP_FIRST": "20000", "IVR_ASTERISK__RTP_LAST": "20005"}, ["rtp_last must be at least rtp_first + 9"]),
    ({"IVR_ASTERISK__WSS_PORT": "8089"}, ["need web.tls"]),
    ({"IVR_ASTERISK__NAME": "Ivr 1"}, ["asterisk.name", "pattern"]),
    ({"IVR_STATE_DIR": "/var/lib/a;b"}, ["letters, digits"]),
    ({"IVR_RECORDINGS_DIR": "/var/lib/${SHELL(id)}"}, ["recordings_dir", "letters, digits"]),
    ({"IVR_DISK_RESERVE_MB": "0"}, ["disk_reserve_mb"]),
    ({"IVR_SPEECH__SLOTS": "0"}, ["speech.slots"]),
    ({"IVR_HOTLINE__NUMBER": "12a48"}, ["hotline.number"]),
]


@pytest.mark.parametrize(("variables", "told"), WRONG_VARIABLES)
def test_a_wrong_variable_is_named(
    environment: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], told: list[str]
) -> None:
    message = refused(environment, tmp_path, **variables)
    assert all(part in message for part in told), message


TRUNK = '[[trunks]]\nname = "a"\nhost = "127.0.0.1"\n'
WRONG_FILES = [
    ("[web\n", ["given.toml is not TOML"]),
    ("web = 1\nweb = 2\n", ["given.toml is not TOML"]),
    ("名 = '\xff'".encode("latin-1", "ignore") + b"\xff\xfe", ["given.toml is not TOML"]),
    ("colour = 1\n", ["colour", "not permitted", "given.toml"]),
    ("[web]\nprt = 1\n", ["web.prt", "not permitted"]),
    ("[web]\nport = true\n[speech]\nslots = 'x'\n", ["speech.slots"]),
    ('[[seats]]\nname = "a"\n[[seats]]\nname = "a"\n', ["seats: the name a is used twice"]),
    ('[[queues]]\nname = "hotline"\n[[queues]]\nname = "hotline"\n', ["queues: the name hotline is used twice"]),
    (TRUNK * 2, ["trunks: the name a is used twice"]),
    ('[[queues]]\nname = "hotline"\nfull = "queue:none"\n', ["queue hotline: full = queue:none, but there is no such queue; there is hotline"]),
    ('[[queues]]\nname = "hotline"\nlate = "duty:none"\n', ["late = duty:none, but there is no such duty; there is none"]),
    ('[[queues]]\nname = "hotline"\nlate = "wait"\n', ["queues.0.late"]),
    ('[[queues]]\nname = "hotline"\nlate = "duty:a"\n[[duty_numbers]]\nname = "a"\nnumber = "110"\n', ["needs a trunk"]),
    ('[[queues]]\nname = "hotline"\nfull = "queue:b"\n[[queues]]\nname = "b"\nlate = "queue:c"\n[[queues]]\nname = "c"\nnobody = "queue:hotline"\n',
     ["its roads lead back to it"]),
    ('[[duty_numbers]]\nname = "a"\nnumber = "110"\n' * 2, ["duty_numbers: the name a is used twice"]),
    ('[[seats]]\nname = "a"\nqueues = ["x"]\n', ["seat a names the queue x, known are ['hotline']"]),
    ('[[queues]]\nname = "other"\n', ["hotline.queue hotline is not among queues ['other']"]),
    ('[[seats]]\nname = "a"\noperator = "王;律师"\n', ["seats.operator may not hold"]),
    ('[[seats]]\nname = "a"\noperator = "王\\n律师"\n', ["seats.operator may not hold"]),
    ("[[seats]]\n", ["seats.0.name", "required"]),
    (TRUNK + 'mode = "registration"\n', ["trunk a: registration needs user and secret_file"]),
    (TRUNK + "srtp = true\n", ["trunk a: srtp without transport = tls"]),
    (TRUNK + 'transport = "tls"\n', ["trunk a: transport = tls needs asterisk.sip_tls_port"]),
    (TRUNK + 'match = ["carrier"]\n', ["trunk a: match holds carrier"]),
    (TRUNK + 'called_numbers = ["_X."]\n', ["trunks.0.called_numbers.0", "pattern"]),
    (TRUNK + 'outbound_caller_id = "a;b"\n', ["trunks.0.outbound_caller_id"]),
    ('[[trunks]]\nname = "a"\nhost = "a\\nb"\n', ["trunks.0.host"]),
    ('[[duty_numbers]]\nname = "a"\nnumber = "00441234@x"\n', ["duty_numbers.0.number"]),
    ('[[queues]]\nname = "hotline"\nring_s = 1\n', ["queues.0.ring_s"]),
]


@pytest.mark.parametrize(("toml", "told"), WRONG_FILES)
def test_a_wrong_file_is_named(environment: pytest.MonkeyPatch, tmp_path: Path, toml: str | bytes, told: list[str]) -> None:
    message = refused(environment, tmp_path, toml)
    assert all(part in message for part in told), message


def test_all_wrong_values_are_told_at_once(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message = refused(environment, tmp_path, "[web]\nport = 0\n[speech]\nslots = 0\n", IVR_LOG_LEVEL="loud")
    assert all(name in message for name in ("web.port", "speech.slots", "log_level")) and str(tmp_path / "given.toml") in message


def test_a_password_in_a_wrong_setting_is_not_told(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message = refused(environment, tmp_path, 'database_url = ["postgresql://u:open-sesame@h/d"]\n')
    assert "database_url" in message and "open-sesame" not in message


@pytest.mark.parametrize(("host", "home"), [
    ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
    ("10.0.0.1", False), ("localhost.example.org", False), ("", False),
])
def test_loopback(host: str, home: bool) -> None:
    assert is_loopback(host) is home


def test_settings_never_change_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().log_level = "debug"


def test_the_reference_page_is_true() -> None:
    page = PROJECT_ROOT / "docs/reference/settings.md"
    assert page.read_text("utf-8") == reference(), "run: ivr settings --markdown > docs/reference/settings.md"


def test_the_reference_names_every_setting_with_a_meaning() -> None:
    for name, field in Settings.model_fields.items():
        assert f"`{name}`" in reference() or f"`[{name}]`" in reference() or f"`[[{name}]]`" in reference(), name
        assert field.description or f"`[{name}]`" in reference() or f"`[[{name}]]`" in reference(), name
    empty = [line for line in reference().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert empty == []
