"""Ledger lines exactly as Asterisk 22 writes them, from values a test chooses."""

from __future__ import annotations

COLUMNS = (
    "eventtype", "eventenum", "userdeftype", "eventtime", "linkedid", "uniqueid", "channame", "num", "name", "dnid",
    "exten", "context", "appname", "appdata", "peer", "eventextra",
)


def dsv(*values: str) -> bytes:
    """One record: every value quoted, quotes doubled, nothing else escaped (seen in res_cdrel_custom's output)."""
    return (",".join('"' + v.replace('"', '""') + '"' for v in values) + "\n").encode("utf-8", "surrogateescape")


def cel(kind: str = "CHAN_START", at: float = 1795506589.25, linked_id: str = "t-1-1795506589.0", **values: str) -> bytes:
    """One CEL record; a kind in the form ``user:NAME`` is an event the dialplan raised."""
    name = kind.removeprefix("user:")
    given = {
        "eventtype": name, "eventenum": "USER_DEFINED" if kind != name else kind, "userdeftype": name if kind != name else "",
        "eventtime": f"{at:.6f}", "linkedid": linked_id, "uniqueid": linked_id, "channame": "PJSIP/trunk-carrier-00000000",
        "num": "13800000001", "context": "from-trunk-carrier", "exten": "12348",
    } | values
    return dsv(*(given.get(c, "") for c in COLUMNS))
