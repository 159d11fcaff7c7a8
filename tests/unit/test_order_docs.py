"""docs/reference/orders.md shows the table of moves and the states as they are in the code."""

from __future__ import annotations

from ivr.domain.work_order import MOVES, STATE_TITLES, STATES, Move
from ivr.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs/reference/orders.md").read_text("utf-8")


def line(name: str, row: Move) -> str:
    """One row of the page's table."""
    sources = "every state" if row.sources == STATES else " ".join(f"`{s}`" for s in row.sources)
    needs = " ".join(f"`{n}`" for n in row.needs) or "–"
    who = ", ".join(row.roles) + (" – who it is assigned to" if row.mine else "")
    return f"| `{name}` {row.title} | {sources} | {f'`{row.target}`' if row.target else 'stays'} | {who} | {needs} | {row.clock or '–'} |"


def test_every_move_stands_in_the_page_as_it_is_in_the_table() -> None:
    written = [text for text in PAGE.splitlines() if text.startswith("| `") and text.count("|") == 7]
    assert written == [line(name, row) for name, row in MOVES.items()]


def test_every_state_stands_there_with_its_name() -> None:
    for state in STATES:
        assert f"`{state}` {STATE_TITLES[state]}" in PAGE, state
