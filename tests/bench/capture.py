"""Record what an unfiltered AMI user is sent during one real call: ``python -m tests.bench.capture`` renews the file.

The call comes from a caller with a Chinese name, presses 0, waits in the queue, talks for twelve seconds while both sides
send sound, and is recorded: channel, dialplan, variable, queue, bridge, RTCP and device events in their true mix.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.bench.exchange import exchange
from tests.bench.sip_load import SipLoad

CAPTURE = Path(__file__).with_name("captured_call.ami")
NAME, NUMBER = "马建国", "13895112348"
_USER = "\n[capture]\nsecret = capture\nread = all\nwrite =\n"


async def record() -> bytes:
    """The bytes from the banner to the last event of the call."""
    def with_user(name: str, text: str) -> str:
        return text + _USER if name == "manager.conf" else text

    with tempfile.TemporaryDirectory() as folder:
        load = SipLoad(Path(folder), core=None)
        async with exchange("capture", controller=False, seats=2, core=None, adjust=with_user) as running:
            async with load.desk(running.desk_port):
                reader, writer = await asyncio.open_connection("127.0.0.1", running.settings.asterisk.ami_port)
                writer.write(b"Action: Login\r\nUsername: capture\r\nSecret: capture\r\nEvents: on\r\n\r\n")
                taken = bytearray()

                async def take() -> None:
                    while data := await reader.read(65536):
                        taken.extend(data)

                taking = asyncio.create_task(take())
                made = await load.call(running.port, calls=1, rate=1, seconds=12, key="0", speaking=True, callers=[(NUMBER, NAME)])
                assert made.failed == 0, "the call to be captured failed"
                await asyncio.sleep(1)
                taking.cancel()
                writer.close()
    return bytes(taken[: taken.rindex(b"\r\n\r\n") + 4])


if __name__ == "__main__":
    CAPTURE.write_bytes(asyncio.run(record()))
    print(f"{CAPTURE}: {CAPTURE.stat().st_size} bytes")
