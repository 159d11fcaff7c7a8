"""Lines become facts with exact positions, whatever a caller's name holds; files are read once across rotation."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.domain.events import Fact, LedgerBatch
from ivr.telephony.ledger import LedgerReader
from tests.fakes.ledger_lines import cel, dsv

REAL = Path(__file__).parents[1] / "scenarios/ledgers"


class Tail:
    """A reader whose positions are committed at once, as the database would keep them."""

    def __init__(self, folder: Path, source: str = "cel", name: str = "ledger.csv") -> None:
        self.folder, self.source, self.name = folder, source, name
        self.positions: dict[str, int] = {}
        self.reader = self.fresh()

    def fresh(self) -> LedgerReader:
        """A reader with no memory, as after a restart."""
        self.reader = LedgerReader(self.source, self.folder, self.name, "t")  # type: ignore[arg-type]
        return self.reader

    def take(self) -> LedgerBatch | None:
        """One batch, committed."""
        batch = self.reader.read(self.positions)
        if batch is not None:
            assert batch.start == self.positions.get(batch.file_id, 0) and batch.position > batch.start
            self.positions[batch.file_id] = batch.position
        return batch

    def all(self) -> list[Fact]:
        """Every fact until nothing is left."""
        found: list[Fact] = []
        while batch := self.take():
            found += batch.facts
        return found

    def append(self, data: bytes, name: str = "") -> None:
        with (self.folder / (name or self.name)).open("ab") as file:
            file.write(data)


@pytest.fixture
def tail(tmp_path: Path) -> Tail:
    return Tail(tmp_path)


@pytest.mark.parametrize("file", sorted(REAL.glob("*.csv")), ids=lambda f: f.stem)
def test_every_line_a_real_asterisk_wrote_is_one_fact(tmp_path: Path, file: Path) -> None:
    tail = Tail(tmp_path)
    tail.append(file.read_bytes())
    facts = tail.all()
    lines = file.read_bytes().splitlines(keepends=True)
    assert [f.position for f in facts] == [sum(map(len, lines[:n])) for n in range(len(lines))]
    assert tail.reader.complaints == 0 and facts[0].kind == "CHAN_START"
    assert {f.data["extra"] for f in facts if f.kind == "user:QUEUE_ENTERED"} <= {"hotline"}
    assert all(isinstance(f.data["hangupcause"], int) for f in facts if f.kind == "HANGUP")


def test_a_user_event_cannot_pass_for_an_event_of_asterisk(tail: Tail) -> None:
    tail.append(cel("user:LINKEDID_END") + cel("LINKEDID_END"))
    assert [f.kind for f in tail.all()] == ["user:LINKEDID_END", "LINKEDID_END"]


HOSTILE = [
    'a"b', '"', '""', '","', '",""', "\\", '\\"', '\\","x', "a,b;c|d", "张三（\"老张\"）", "x\ny", '\n"', '"\n', '\n"CHAN_START",',
    '\n"LINKEDID_END","LINKEDID_END","","1.0","other","other"', "\r\n", "\r", "", " ", "${SHELL(id)}", "\ufeff", "🙂" * 100,
    '"' * 1000, ",".join('"x"' for _ in range(16)),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_comes_back_exactly(tail: Tail, name: str) -> None:
    tail.append(cel(name=name) + cel("LINKEDID_END"))
    first, last = tail.all()
    assert first.data.get("name", "") == name and (first.kind, last.kind) == ("CHAN_START", "LINKEDID_END")
    assert tail.reader.complaints == 0


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=60)
NASTY = st.lists(st.sampled_from(['"', '""', ",", "\n", "\r", "\\", ";", "|", "张", '\n"A', '",', "{", "}"]), max_size=20).map("".join)


@given(names=st.lists(TEXT | NASTY, min_size=1, max_size=5), size=st.integers(1, 400))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_is_exactly_one_fact_however_the_file_grows(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], size: int
) -> None:
    tail = Tail(tmp_path_factory.mktemp("ledger"))
    data = cel("ENTERED") + b"".join(cel(name=n, num=n) for n in names)
    found: list[Fact] = []
    for at in range(0, len(data), size):
        tail.append(data[at : at + size])
        found += tail.all()
    assert [(f.data.get("name", ""), f.data.get("num", "")) for f in found[1:]] == [(n, n) for n in names]
    assert tail.reader.complaints == 0


def test_what_postgresql_could_not_hold_is_made_harmless(tail: Tail) -> None:
    tail.append(cel(name="a\0b", eventextra='{"a": "\\u0000"}') + cel(eventextra='{"a": "\\ud800"}') + cel(eventextra='{"a": NaN}')
                + cel(eventextra='{"a": 1e999}') + cel(eventextra="[" * 50_000) + cel(eventextra="[1]") + cel(eventextra="{"))
    facts = tail.all()
    assert len(facts) == 7 and facts[0].data["name"] == "a�b"
    assert all(isinstance(f.data["extra"], str) and "\0" not in f.data["extra"] for f in facts)


def test_bytes_that_are_no_utf8_are_replaced(tail: Tail) -> None:
    tail.append(cel(name="\udcd5\udcc5"))
    assert [f.data["name"] for f in tail.all()] == ["��"]


def test_the_last_column_cannot_overrule_the_others(tail: Tail) -> None:
    tail.append(cel("HANGUP", peer="", eventextra='{"uniqueid": "forged", "peer": "x", "linkedid": "y", "hangupcause": 16}'))
    (fact,) = tail.all()
    assert fact.unique_id == "t-1-1795506589.0" and "peer" not in fact.data and fact.data["hangupcause"] == 16


@pytest.mark.parametrize("line", [
    b"nonsense\n", b'"a","b"\n', cel(linked_id=""), cel(linked_id="x" * 151), cel(eventtime="soon"), cel(eventtime="nan"),
    cel(eventtime="-1"), cel(eventtime="1e300"), b'"' * 15 + b"\n", cel()[:-1] + b',"one too many"\n',
])
def test_a_line_that_is_no_record_is_counted_and_passed(tail: Tail, line: bytes) -> None:
    tail.append(cel("ENTERED") + line + cel("ANSWER"))
    assert [f.kind for f in tail.all()] == ["ENTERED", "ANSWER"]
    assert tail.reader.complaints == 1


def test_a_half_written_line_waits_for_its_rest(tail: Tail) -> None:
    whole = cel("ANSWER", name='王"小\n明')
    tail.append(cel("ENTERED"))
    assert len(tail.all()) == 1
    for end in range(1, len(whole)):
        tail.append(whole[end - 1 : end])
        assert tail.take() is None
    tail.append(whole[-1:])
    assert [f.data["name"] for f in tail.all()] == ['王"小\n明']


@pytest.mark.parametrize("cut", [10, 60, 100])
@pytest.mark.parametrize("broken", [b"", b"\n"])
def test_a_line_torn_by_a_full_disk_costs_only_itself(tail: Tail, cut: int, broken: bytes) -> None:
    tail.append(cel("ENTERED") + cel("NOTICE")[:cut] + broken)
    tail.append(cel("ANSWER") + cel("HANGUP") + cel("LINKEDID_END"))
    kinds = [f.kind for f in tail.all()]
    assert kinds == ["ENTERED", *(["ANSWER"] if broken else []), "HANGUP", "LINKEDID_END"]
    assert tail.reader.complaints == 1


def test_a_first_line_is_awaited_whole(tail: Tail) -> None:
    tail.append(cel()[:-1])
    assert tail.take() is None
    tail.append(b"\n")
    assert len(tail.all()) == 1


@pytest.mark.parametrize("size", [65_000, 100_000, 130_000])
def test_a_very_long_line_is_read(tail: Tail, size: int) -> None:
    tail.append(cel("ENTERED") + cel(name="长" * (size // 3)) + cel("ANSWER"))
    facts = tail.all()
    assert [len(f.data.get("name", "")) for f in facts] == [0, size // 3, 0]


@pytest.mark.parametrize("size", [200_000, 3 << 20])
def test_a_line_longer_than_any_record_is_stepped_over(tail: Tail, size: int) -> None:
    tail.append(cel("ENTERED") + cel(name="x" * size) + cel("ANSWER"))
    assert [f.kind for f in tail.all()] == ["ENTERED", "ANSWER"]
    assert tail.reader.complaints >= 1


def test_many_facts_come_in_bounded_batches(tail: Tail) -> None:
    tail.append(b"".join(cel(at=1.0 + n, name='\n"' * 20) for n in range(12_000)))
    batches = []
    while batch := tail.take():
        batches.append(batch)
    assert len(batches) > 2 and max(b.position - b.start for b in batches) <= 1 << 20
    assert [f.at for b in batches for f in b.facts] == [1.0 + n for n in range(12_000)]


def test_a_rotation_in_the_middle_loses_and_repeats_nothing(tail: Tail) -> None:
    tail.append(cel(at=1) + cel(at=2))
    seen = tail.all()
    tail.append(cel(at=3))
    assert tail.reader.rotate(0.0, limit_bytes=10) == tail.folder / "ledger.csv.19700101T000000Z"
    tail.append(cel(at=4) + cel(at=5))
    tail.append(cel(at=3.5), "ledger.csv.19700101T000000Z")  # a writer that had opened the file before the rename
    seen += tail.all()
    assert [f.at for f in seen] == [1, 2, 3, 3.5, 4, 5]
    tail.fresh()
    tail.append(cel(at=6))
    assert [f.at for f in tail.all()] == [6]


def test_a_rename_while_a_batch_is_out_changes_nothing(tail: Tail) -> None:
    tail.append(cel(at=1))
    batch = tail.reader.read(tail.positions)
    assert batch is not None
    tail.append(cel(at=2))
    tail.reader.rotate(0.0, limit_bytes=10)
    tail.append(cel(at=3))
    again = tail.reader.read(tail.positions)
    assert again is not None and again.start == batch.start and again.file_id == batch.file_id, "not committed: read again"
    tail.positions[batch.file_id] = batch.position
    assert [f.at for f in tail.all()] == [2, 3]


def test_rotation_waits_for_a_full_file_and_never_overwrites(tail: Tail) -> None:
    assert tail.reader.rotate(0.0) is None
    tail.append(cel(at=1))
    assert tail.reader.rotate(0.0, limit_bytes=1 << 20) is None
    assert tail.reader.rotate(0.0, limit_bytes=1) is not None
    tail.append(cel(at=2))
    assert tail.reader.rotate(0.0, limit_bytes=1) is None, "the name of this second is taken"
    assert [f.at for f in tail.all()] == [1, 2]


def test_a_restart_goes_on_where_the_database_says(tail: Tail) -> None:
    tail.append(cel(at=1) + cel(at=2))
    tail.all()
    tail.append(cel(at=3))
    tail.fresh()
    assert [f.at for f in tail.all()] == [3]
    tail.fresh()
    tail.positions.clear()
    assert [f.at for f in tail.all()] == [1, 2, 3]


def test_a_copy_or_a_moved_file_counts_once(tail: Tail) -> None:
    tail.append(cel(at=1) + cel(at=2))
    tail.all()
    (tail.folder / "ledger.csv.backup").write_bytes((tail.folder / "ledger.csv").read_bytes())
    tail.fresh()
    assert tail.all() == []


@pytest.mark.parametrize("same_size", [True, False])
def test_new_content_under_the_same_inode_is_a_new_file(tail: Tail, same_size: bool) -> None:
    path = tail.folder / "ledger.csv"
    tail.append(cel(at=1) + (b"" if same_size else cel(at=2)))
    tail.all()
    assert tail.take() is None
    inode = path.stat().st_ino
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(cel(at=3))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert path.stat().st_ino == inode
    assert [f.at for f in tail.all()] == [3]


def test_an_emptied_file_is_no_fact(tail: Tail) -> None:
    tail.append(cel(at=1))
    tail.all()
    (tail.folder / "ledger.csv").write_bytes(b"")
    assert tail.all() == []


def test_another_install_has_other_files(tail: Tail) -> None:
    tail.append(cel(at=1))
    mine, other = tail.reader.read({}), LedgerReader("cel", tail.folder, "ledger.csv", "other").read({})
    assert mine and other and mine.file_id != other.file_id


def test_no_folder_yet_is_nothing_to_read(tmp_path: Path) -> None:
    assert LedgerReader("cel", tmp_path / "not-made", "ledger.csv", "t").read({}) is None


def test_only_old_files_that_are_wholly_committed_are_deleted(tail: Tail) -> None:
    day = 86400.0
    for n, name in enumerate("abc", 1):
        tail.append(cel(at=n), f"ledger.csv.{name}")
        assert tail.take() is not None
    tail.append(cel(at=100), "ledger.csv.b")
    for name, age in (("a", 200), ("b", 200), ("c", 100)):
        os.utime(tail.folder / f"ledger.csv.{name}", (1000 * day - age * day,) * 2)
    tail.append(cel(at=9))
    gone = tail.reader.discard_older(tail.positions, 1000 * day)
    assert [p.name for p in gone] == ["ledger.csv.a"]
    assert sorted(p.name for p in tail.folder.iterdir()) == ["ledger.csv", "ledger.csv.b", "ledger.csv.c"]
    assert [f.at for f in tail.all()] == [100, 9]


def test_a_torn_end_of_a_rotated_file_is_passed(tail: Tail) -> None:
    tail.append(cel(at=1) + cel()[:30] + b"\n", "ledger.csv.old")
    tail.append(cel(at=2))
    assert [f.at for f in tail.all()] == [1, 2]
    assert tail.positions[next(iter(tail.positions))] == (tail.folder / "ledger.csv.old").stat().st_size


@pytest.fixture
def queue_log(tmp_path: Path) -> Tail:
    return Tail(tmp_path, "queue_log", "queue_log")


def test_a_real_queue_log_is_read(queue_log: Tail) -> None:
    queue_log.append((REAL / "queue_log").read_bytes())
    facts = queue_log.all()
    assert queue_log.reader.complaints == 0 and facts[0].kind == "QUEUESTART" and facts[0].linked_id == ""
    connect = next(f for f in facts if f.kind == "CONNECT")
    assert connect.data["member"] == "王律师" and connect.data["queue"] == "hotline" and connect.data["data"][0] == "0"
    missed = next(f for f in facts if f.kind == "RINGNOANSWER")
    assert (missed.linked_id, missed.data["data"]) == ("t-1-1795510143.12", ["5000"])


@pytest.mark.parametrize("value", ['13"8', '"', "\\", "张三", "x" * 70_000, "\r", "a\rb", "|", "||", "a;b,c"])
def test_a_queue_log_value_never_joins_or_splits_lines(queue_log: Tail, value: str) -> None:
    lines = [f"1795506597|t-1-1.0|hotline|NONE|ENTERQUEUE||{value}|1", "1795506598|t-1-1.0|hotline|NONE|ABANDON|1|1|3"]
    queue_log.append("\n".join([*lines, ""]).encode())
    facts = queue_log.all()
    assert [f.kind for f in facts] == ["ENTERQUEUE", "ABANDON"]
    assert facts[1].position == len(lines[0].encode()) + 1
    assert value.strip("\r") in "|".join(facts[0].data["data"])


@pytest.mark.parametrize("line", ["", "nonsense", "soon|a|b|c|CONNECT|", "1|a|b|c|CONNECT|", "1795506597|a|b|c"])
def test_a_queue_log_line_that_is_none_is_passed(queue_log: Tail, line: str) -> None:
    queue_log.append(f"1795506597|t-1-1.0|hotline|NONE|ABANDON|1|1|3\n{line}\n1795506598|t-1-1.0|hotline|NONE|ABANDON|1|1|3\n".encode())
    assert [f.at for f in queue_log.all()] == [1795506597, 1795506598]
    assert queue_log.reader.complaints == bool(line)


def test_a_queue_log_that_goes_on_in_the_renamed_file_is_read_there(queue_log: Tail) -> None:
    def line(n: int) -> bytes:
        return f"{1795506597 + n}|t-1-1.{n}|hotline|NONE|ABANDON|1|1|3\n".encode()

    queue_log.append(line(0))
    queue_log.all()
    renamed = queue_log.reader.rotate(0.0, limit_bytes=1)
    assert renamed is not None
    queue_log.append(line(1), renamed.name)
    queue_log.append(line(2))
    assert [f.at - 1795506597 for f in queue_log.all()] == [1, 2]


def test_dsv_is_what_asterisk_writes() -> None:
    first = (REAL / "answered.csv").read_bytes().splitlines(keepends=True)[1]
    assert dsv(*next(csv.reader([first.decode()]))) == first
