"""What goes on with a recording when somebody new is heard in a call."""

from __future__ import annotations

from typing import Protocol


class Recorder(Protocol):
    """The recorder of citizens' channels."""

    async def renew(self, linked_id: str) -> None:
        """Go on in the same two files with a new decoder; nothing for a call that is gone, refused, or not recorded.

        Unavailable, AmiLost or TimeoutError when Asterisk cannot be told.
        """
        ...
