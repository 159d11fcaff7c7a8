"""Which file a phone asks for, what a token is, and that no name of a village breaks a maker's file."""

from __future__ import annotations

import secrets
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from ivr.device_setup import pages_for_devices
from ivr.domain.device import Device
from ivr.domain.errors import BadSetting, NotFound
from ivr.domain.provisioning import DIALECTS, dialect_asked, dialect_of, digest_of
from ivr.pipeline.provision_devices import Provisioner
from ivr.ports.provisioning import DeviceSecret, NoAddress
from ivr.settings import Settings
from ivr.telephony.provisioning import PhoneFiles, terminal_picture

DEVICE = Device("v-640105001-L01-1", "640105001-L01", "640105001")
PAGE = f"https://fl.example:12348/api/v1/idle/{DEVICE.id}/" + "t" * 43


@pytest.mark.parametrize(
    ("model", "dialect"),
    [("GXV3480", "grandstream"), ("gxv 3380", "grandstream"), ("VP59", "yealink"), ("SIP-T58W", "yealink"), ("Yealink T48", "yealink"),
     ("Linphone", "linphone"), ("", "generic"), ("小度", "generic"), ("TV box", "generic")],
)
def test_a_model_tells_its_makers_words_and_an_unknown_one_is_told_in_plain_text(model: str, dialect: str) -> None:
    assert dialect_of(model).name == dialect


def test_files_are_asked_for_with_or_without_a_hardware_address_and_nothing_else_is_one() -> None:
    asked = {"cfg.xml", "cfg000B82AABBCC.xml", "phone.cfg", "805ec0aabbcc.cfg", "linphone.xml", "phone.txt"}
    assert {d.name for f in asked if (d := dialect_asked(f))} == {d.name for d in DIALECTS}
    assert not any(map(dialect_asked, ("", "cfg", "y000000000058.cfg", "../cfg.xml", "generic.txt.j2", "phone.txt\n", "cfgx.xml")))


def test_a_token_is_43_characters_of_base64_and_anything_else_is_not_looked_up() -> None:
    token = secrets.token_urlsafe(32)
    assert len(digest_of(token) or b"") == 32 and digest_of(token) != digest_of(secrets.token_urlsafe(32))
    assert not any(map(digest_of, ("", token[:-1], token + "a", token[:-1] + "\n", "é" * 43)))


@pytest.mark.parametrize("village", ["康庄社区", 'A<b>&"c', "x\nP34=1", "]]>; account.1.password = 1", "{{ secret }}", ""])
def test_no_village_breaks_a_file(village: str) -> None:
    files = PhoneFiles(b"k" * 32, "10.1.2.3", 5060)
    for dialect in DIALECTS:
        text = files.write(dialect, DeviceSecret(DEVICE, "salt", village), PAGE)
        if dialect.media_type == "application/xml":
            ElementTree.fromstring(text.encode())
        else:
            assert text.count("\n") == files.write(dialect, DeviceSecret(DEVICE, "salt", "康庄社区"), PAGE).count("\n")
        assert text.count(DEVICE.id) >= 1 and "{{" not in text


async def test_without_https_there_is_no_address_and_nothing_is_handed_out() -> None:
    class Store:
        async def issue(self, device: str, digest: bytes, actor: str, reason: str) -> tuple[DeviceSecret, object]:
            raise AssertionError("a secret must not count as shown when it cannot be")

        async def fetched(self, digest: bytes, file: str, remote: str) -> DeviceSecret:
            return DeviceSecret(DEVICE, "salt", "")

    plain = Provisioner(Store(), PhoneFiles(b"k" * 32, "127.0.0.1", 5060), "")  # type: ignore[arg-type]
    with pytest.raises(NoAddress):
        await plain.issue(DEVICE.id, "admin", "新装")
    with pytest.raises(NotFound):
        await plain.file(secrets.token_urlsafe(32), "phone.txt", "127.0.0.1")


def test_devices_are_sent_to_the_name_the_certificate_is_for() -> None:
    def origin(**web: object) -> str:
        return pages_for_devices(Settings.model_validate({"web": web, "asterisk": {"sip_host": "10.1.2.3"}}))

    assert origin(tls="off") == ""
    assert origin(tls="local_ca", host="0.0.0.0", names=["fl.example"]) == "https://fl.example:12348"
    assert origin(tls="local_ca", host="0.0.0.0") == "https://10.1.2.3:12348"
    assert origin(tls="local_ca", host="::1") == "https://[::1]:12348"


def test_a_terminal_shows_a_picture_of_an_address() -> None:
    drawn = terminal_picture("https://fl.example:12348/api/v1/provision/" + "t" * 43 + "/linphone.xml")
    lines = drawn.splitlines()
    assert 15 < len(lines) < 40 and max(map(len, lines)) > 30


@pytest.mark.parametrize(("model", "yes", "no"), [
    ("GXV3480", "<P298>1</P298>", "<P298>0</P298>"), ("VP59", "features.intercom.allow = 1", "features.intercom.allow = 0"),
    ("", "auto_answer when Call-Info or Alert-Info asks for it", "auto_answer no"),
])
def test_only_a_phone_that_is_tested_may_answer_when_a_call_asks_for_it(model: str, yes: str, no: str) -> None:
    writer = PhoneFiles(bytes(32), "10.0.0.1", 5060)
    for tested, there, absent in ((True, yes, no), (False, no, yes)):
        text = writer.write(dialect_of(model), DeviceSecret(replace(DEVICE, self_test=tested), "salt", "康庄社区"), PAGE)
        assert there in text and absent not in text


def test_the_page_at_rest_is_told_where_a_web_page_has_a_place_and_to_no_key_that_wants_a_makers_own_xml() -> None:
    writer, secret = PhoneFiles(bytes(32), "10.0.0.1", 5060), DeviceSecret(DEVICE, "salt", "康庄社区")
    told = {dialect.name for dialect in DIALECTS if PAGE in writer.write(dialect, secret, PAGE)}
    assert told == {"generic"}, "docs/reference/devices.md says why no other"
    assert dict(line.split(" ", 1) for line in writer.write(dialect_of(""), secret, PAGE).splitlines())["browser_start_page"] == PAGE
    with pytest.raises(BadSetting):
        writer.write(dialect_of(""), secret, PAGE + "\nsecret x")
