"""The carrier's side of our lines: a second, independent Asterisk that dials us, answers us and tells what it saw.

It has an address of its own on the loopback network for each kind of line, because we tell carriers apart by address:
127.0.0.2 for the line that registers, 127.0.0.3 for the one known by address, 127.0.0.4 for TLS with SRTP.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from ivr.exchange_setup import cache_folder
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.dialplan import MODULES
from ivr.telephony.embedded import EmbeddedAsterisk
from ivr.web.tls import ServerCertificate, local_certificate
from tests.fakes.free_ports import rtp_ports

REGISTERED, BY_ADDRESS, ENCRYPTED = "registered", "by-address", "encrypted"
HOSTS = {REGISTERED: "127.0.0.2", BY_ADDRESS: "127.0.0.3", ENCRYPTED: "127.0.0.4"}
USER, SECRET, SHOWN = "xixia12348", "carrier-secret-7Kp2", "09512048000"

_ASTERISK = """[directories]
astetcdir => {run}/etc
astmoddir => {modules}
astvarlibdir => {run}/lib
astdbdir => {run}/lib
astkeydir => {run}
astdatadir => {data}
astagidir => {run}/lib
astspooldir => {run}/spool
astrundir => {run}/run
astlogdir => {run}/log
[options]
verbose = 0
systemname = carrier
"""

_PJSIP = """[global]
type = global
endpoint_identifier_order = username,header

[udp-registered]
type = transport
protocol = udp
bind = {hosts[registered]}:{port}
[udp-by-address]
type = transport
protocol = udp
bind = {hosts[by-address]}:{port}
[tls-encrypted]
type = transport
protocol = tls
bind = {hosts[encrypted]}:{tls_port}
cert_file = {certificate.certificate}
priv_key_file = {certificate.key}
ca_list_file = {their_ca}
verify_server = yes
method = tlsv1_2

; the customer's line that registers; contacts and their Path come from REGISTER
[{user}]
type = endpoint
transport = udp-registered
identify_by = username
context = from-hotline
auth = {user}
aors = {user}
media_address = {hosts[registered]}
bind_rtp_to_media_address = yes
disallow = all
allow = alaw
[{user}]
type = auth
auth_type = userpass
username = {user}
password = {secret}
[{user}]
type = aor
max_contacts = 1
remove_existing = yes

[by-address]
type = endpoint
transport = udp-by-address
identify_by = username
context = from-hotline
aors = by-address
media_address = {hosts[by-address]}
bind_rtp_to_media_address = yes
disallow = all
allow = alaw
[by-address]
type = aor
contact = sip:{customer}

[encrypted]
type = endpoint
transport = tls-encrypted
identify_by = username
context = from-hotline
aors = encrypted
media_address = {hosts[encrypted]}
bind_rtp_to_media_address = yes
media_encryption = sdes
disallow = all
allow = alaw
[encrypted]
type = aor
contact = sip:{customer_tls}\\;transport=tls

; what our customer dials on the line that registers, known by the number he shows, must prove its password
[{shown}]
type = endpoint
context = from-hotline
identify_by = username
auth = {user}
disallow = all
allow = alaw
media_address = {hosts[registered]}
bind_rtp_to_media_address = yes

; what he dials on the others arrives on whichever address he sent it to
[from-customer]
type = endpoint
context = from-hotline
disallow = all
allow = alaw
identify_by = header
media_encryption = sdes
media_encryption_optimistic = yes
media_address = {hosts[by-address]}
bind_rtp_to_media_address = yes
[from-customer]
type = identify
endpoint = from-customer
match_header = User-Agent: ivr
"""

# Log() lines are how this carrier tells what it saw; the tests read them.
_EXTENSIONS = """[place]
exten => s,1,Set(CALLERID(num)=${CALLER})
 same => n,Set(CALLERID(name)=${NAME})
 same => n,Dial(${DIAL},90)
 same => n,Log(NOTICE,PLACED ${TAG} ${DIALSTATUS} cause ${HANGUPCAUSE})
 same => n,Hangup()

[speak]
exten => s,1,Answer()
 same => n,Log(NOTICE,ANSWERED ${TAG})
 same => n,Wait(0.5)
 same => n(again),Playback(${SOUND})
 same => n,Goto(again)

[from-hotline]
exten => _X.,1,Answer()
 same => n,Log(NOTICE,RECEIVED ${EXTEN} FROM ${CALLERID(num)} ON ${CHANNEL(pjsip,local_addr)} SECURE ${CHANNEL(rtp,secure)})
 same => n,Playback(${SOUND_OF_CALLED})
 same => n,Wait(60)
 same => n,Hangup()
"""

_LOGGER = "[general]\n[logfiles]\nmessages.log => notice,warning,error\n"
_RTP = "[general]\nrtpstart = {rtp}\nrtpend = {rtp_last}\nicesupport = no\n"
_EMPTY = (
    "acl.conf", "ccss.conf", "cdr.conf", "cel.conf", "cli_aliases.conf", "codecs.conf", "dsp.conf", "features.conf",
    "indications.conf", "manager.conf", "musiconhold.conf", "pjproject.conf", "stasis.conf", "udptl.conf", "http.conf",
)


@dataclass(frozen=True, slots=True)
class Placed:
    """One call the carrier put through to the hotline."""

    tag: str


class Carrier:
    """Start after the hotline's settings are known: ``customer`` and ``customer_tls`` are its SIP addresses (host:port)."""

    def __init__(
        self, folder: Path, *, port: int, tls_port: int, customer: str, customer_tls: str, their_ca: Path, sound: Path
    ) -> None:
        self.run = folder
        self.certificate: ServerCertificate = local_certificate(folder / "tls", [HOSTS[ENCRYPTED]])
        self._values = {
            "hosts": HOSTS, "port": port, "tls_port": tls_port, "customer": customer, "customer_tls": customer_tls,
            "their_ca": their_ca, "certificate": self.certificate, "user": USER, "secret": SECRET, "shown": SHOWN,
        }
        self._rtp, self._rtp_last = rtp_ports()
        self._sound = sound.with_suffix("")
        self._tags = itertools.count(1)
        self._asterisk: EmbeddedAsterisk | None = None

    async def __aenter__(self) -> Carrier:
        root = await asyncio.to_thread(find_asterisk, None, cache_folder())
        for name in ("etc", "lib", "run", "log", "spool/outgoing", "spool/tmp", "keys"):
            (self.run / name).mkdir(parents=True, exist_ok=True)
        modules = [*MODULES, "pbx_spool", "func_pjsip_aor"]
        modules = [m for m in dict.fromkeys(modules) if not m.startswith(("cel_", "app_celgen", "res_cdrel", "app_queue", "app_cdr"))]
        globals_ = f"[globals]\nSOUND_OF_CALLED = {self._sound}\n"
        texts = {
            "asterisk.conf": _ASTERISK.format(run=self.run, modules=root.modules, data=root.data),
            "modules.conf": "[modules]\nautoload = no\n" + "".join(f"load = {m}.so\n" for m in modules),
            "pjsip.conf": _PJSIP.format(**self._values), "extensions.conf": globals_ + _EXTENSIONS,
            "logger.conf": _LOGGER, "rtp.conf": _RTP.format(rtp=self._rtp, rtp_last=self._rtp_last),
            **dict.fromkeys(_EMPTY, ""),
        }
        for name, text in texts.items():
            (self.run / "etc" / name).write_text(text)
        self._asterisk = EmbeddedAsterisk(root, self.run)
        await self._asterisk.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._asterisk:
            await self._asterisk.stop()

    @property
    def log(self) -> str:
        """What this carrier told so far."""
        return (self.run / "log/messages.log").read_text(errors="replace")

    async def console(self, line: str) -> str:
        """One console line of the carrier's Asterisk."""
        assert self._asterisk is not None
        return await self._asterisk.console.command(line)

    async def place(self, line: str, caller: str, called: str = "12348", name: str = "") -> Placed:
        """Put a call through to the hotline on a line; it speaks ``sound`` for ever once answered."""
        tag = f"t{next(self._tags)}"
        if line == REGISTERED:
            # The contact the customer registered, with another user part when another number was called.
            contact = await self.contact()
            dial = f"PJSIP/{USER}/{re.sub(r'^sip:[^@]*@', f'sip:{called}@', contact)}"
        else:
            host = self._values["customer_tls" if line == ENCRYPTED else "customer"]
            dial = f"PJSIP/{line}/sip:{called}@{host}" + (";transport=tls" if line == ENCRYPTED else "")
        call = "\n".join([
            "Channel: Local/s@place/n", "Context: speak", "Extension: s", "Priority: 1", "WaitTime: 120",
            *(f"Setvar: __{k}={v}" for k, v in {
                "TAG": tag, "CALLER": caller, "NAME": name, "DIAL": dial, "SOUND": self._sound,
            }.items()), "",
        ])
        fresh = self.run / "spool/tmp" / f"{tag}.call"
        fresh.write_text(call)
        fresh.rename(self.run / "spool/outgoing" / f"{tag}.call")
        return Placed(tag)

    async def contact(self, within_s: float = 30) -> str:
        """The address our customer registered."""
        async with asyncio.timeout(within_s):
            while True:
                found = re.search(rf"Contact:\s+{USER}/(sip:\S+)", await self.console("pjsip show contacts"))
                if found and (whole := re.search(
                    r"contact\s*:\s*(sip:\S+)", await self.console(f"pjsip show aor {USER}")
                )):
                    return whole[1]
                await asyncio.sleep(0.1)

    async def told(self, pattern: str, within_s: float = 15) -> re.Match[str]:
        """The first line of the log that matches."""
        try:
            async with asyncio.timeout(within_s):
                while not (found := re.search(pattern, self.log)):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the carrier never said {pattern!r}:\n{self.log[-3000:]}") from None
        return found

    async def hang_up_all(self) -> None:
        """Every caller of this carrier hangs up."""
        await self.console("channel request hangup all")
