"""How partners prove who they are, in this product's own scheme: a shared secret over time, key and body."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping

from ivr.domain.delivery import KEY_HEADER, PARTNER_HEADER, SIGNATURE_HEADER, TIME_HEADER, why_refused
from ivr.ports.partners import BadSignature, InboundCall

_NOBODY = b"no partner has this secret"


class SignedScheme:
    """ivr.ports.partners.InboundScheme over ``secrets`` by partner name; ``clock`` gives Unix seconds."""

    def __init__(self, secrets: Mapping[str, bytes], clock: Callable[[], float] = time.time) -> None:
        self._secrets = secrets
        self._clock = clock

    def sender(self, call: InboundCall) -> tuple[str, str]:
        """See the port. An unknown partner and a wrong signature are told alike, so that nobody learns who is a partner."""
        missing = [h for h in (PARTNER_HEADER, TIME_HEADER, KEY_HEADER, SIGNATURE_HEADER) if not call.headers.get(h.lower())]
        if missing:
            raise BadSignature(f"The headers {', '.join(missing)} are missing: tasks have to be signed.")
        name, moment, key, given = (
            call.headers[h.lower()] for h in (PARTNER_HEADER, TIME_HEADER, KEY_HEADER, SIGNATURE_HEADER)
        )
        known = next((one for one in self._secrets if hmac.compare_digest(one.encode(), name.encode("utf-8", "replace"))), None)
        refused = why_refused(self._secrets[known] if known else _NOBODY, moment, key, given, call.body, self._clock())
        if refused or known is None:
            raise BadSignature(f"{refused or SIGNATURE_HEADER + ' does not fit time, key and body'}.")
        return known, key
