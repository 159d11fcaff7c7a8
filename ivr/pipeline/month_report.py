"""The monthly report: the figures of a month beside those of the month before, day by day, by place and by matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ivr.domain.counted_call import PARTS, UNACCOUNTED, UNDER_WAY, Limits
from ivr.domain.early_warning import DECISION_NAMES, LEVEL_NAMES, WarningRules
from ivr.domain.errors import CallerFault
from ivr.domain.figures import FIGURES, NOT_RECORDED, OCCUPANCY, ON_TIME, Figure, figures, occupancy, quotient
from ivr.domain.forecast import StaffingRules, first_day_needed, forecast
from ivr.domain.intervals import SHANGHAI
from ivr.domain.month_report import Cell, MonthReport, Plot, Section, Table, Unit
from ivr.domain.working_days import WorkingDays
from ivr.ports.analysis import EarlyWarning, EarlyWarnings, LoadRecord, WarningFilter
from ivr.ports.statistics import By, CallsWanted, Counted, CountedGroup, OrderTotals, Statistics
from ivr.ports.web import CodeTables

_PARTS: Final[Mapping[str, str]] = {
    "answered": "人工接通", "abandoned": "放弃", "callback": "约定回拨", "message": "留言", "self_service": "自助",
    "overflow": "转出", "failed": "失败", UNDER_WAY: "进行中", UNACCOUNTED: "自相矛盾",
}
_GROUPS: Final[tuple[tuple[By, str], ...]] = (("channel", "渠道"), ("queue", "队列"), ("town", "镇街"))
_MOST_WARNINGS: Final = 200
_Row = Sequence[Cell]


class MonthlyReports:
    """ivr.ports.analysis.MonthReporter over the record."""

    def __init__(
        self, statistics: Statistics, warnings: EarlyWarnings, loads: LoadRecord, codes: CodeTables, limits: Limits,
        rules: WarningRules, staffing: StaffingRules, calendar: WorkingDays,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._statistics = statistics
        self._warnings = warnings
        self._loads = loads
        self._codes = codes
        self._limits = limits
        self._rules = rules
        self._staffing = staffing
        self._calendar = calendar
        self._now = now

    async def report(self, year: int, month: int) -> MonthReport:
        """See the port."""
        now = self._now()
        start, end = _first(year, month), _next_first(year, month)
        if start > now:
            raise CallerFault(f"{year}-{month:02} has not begun yet.")
        wanted = CallsWanted(start, min(end, now + timedelta(seconds=1)))
        days = await self._statistics.counted(wanted, "interval", "1d")
        grouped = [(title, await self._statistics.counted(wanted, by, "1d")) for by, title in _GROUPS]
        before_day = (start - timedelta(days=1)).date()
        before = await self._statistics.counted(CallsWanted(_first(before_day.year, before_day.month), start), "channel", "1d")
        orders = await self._statistics.order_totals(start, wanted.end)
        warnings = await self._warnings.listed(WarningFilter(start.date(), end.date(), limit=_MOST_WARNINGS))
        return MonthReport(
            f"{year}-{month:02}", f"12348 公共法律服务热线 {year} 年 {month} 月运行报告", now, end <= now,
            [
                self._overview(days, before, end <= now, now), self._daily(days), self._groups(grouped), self._orders(orders),
                await self._forecast(end, now), self._early(warnings), self._balance(days),
            ],
        )

    def _overview(self, days: Counted, before: Counted, complete: bool, now: datetime) -> Section:
        counts = days.total.tally.counts
        text = [
            f"本月到达来电 {counts['arrived']} 个，人工接通 {counts['answered']} 个，放弃 {counts['abandoned']} 个；"
            f"上月到达 {before.total.tally.counts['arrived']} 个。",
            f"数据取自本系统自己的来电记录，统计至 {now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}。",
        ]
        if not complete:
            text.append("本月尚未结束，以下为月初至今。")
        then = {f.name: f for f in figures(before.total.tally)}
        rows: list[_Row] = []
        units: list[Unit] = []
        for definition, figure in zip(FIGURES, figures(days.total.tally), strict=True):
            title, formula = definition.told(self._limits)
            rows.append([title, figure.value, then[definition.name].value, _made(figure), formula])
            units.append(definition.unit)
        on_time, earlier = (quotient(ON_TIME, c.on_time.finished_in_time, c.on_time.due) for c in (days, before))
        rows.append([ON_TIME.title, on_time.value, earlier.value, _made(on_time), ON_TIME.formula])
        units.append(ON_TIME.unit)
        busy, earlier = (occupancy(c.seats.values()) for c in (days, before))
        rows.append([OCCUPANCY.title, busy.value, earlier.value, _made(busy), OCCUPANCY.formula])
        units.append(OCCUPANCY.unit)
        note = "–：没有可以计算的来电。" + "".join(f"{n.title}：{n.why}。" for n in NOT_RECORDED)
        table = Table("主要指标", ["指标", "本月", "上月", "分子 / 分母", "公式"], rows, row_units=units, note=note)
        return Section("一、总体情况", text, tables=[table])

    def _daily(self, days: Counted) -> Section:
        groups = days.groups
        labels = [f"{g.start.astimezone(SHANGHAI).day}" for g in groups]
        told = [{f.name: f.value for f in figures(g.tally)} for g in groups]
        parts = ("answered", "abandoned")
        columns = Plot(
            "每日来电（个）", "columns", labels,
            {
                "到达": [g.tally.counts["arrived"] for g in groups],
                **{_PARTS[p]: [g.tally.counts[p] for g in groups] for p in parts},
            },
        )
        lines = Plot(
            "每日接通率与服务水平", "lines", labels,
            {"接通率": [t["connection_rate"] for t in told], "服务水平": [t["service_level"] for t in told]}, "share",
        )
        head = ["日期", "到达", *(_PARTS[p] for p in parts), "接通率", "服务水平", "平均接通等待"]
        rows = [
            [f"{g.start.astimezone(SHANGHAI):%m-%d}", g.tally.counts["arrived"], *(g.tally.counts[p] for p in parts),
             t["connection_rate"], t["service_level"], t["asa"]]
            for g, t in zip(groups, told, strict=True)
        ]
        table = Table("每日来电", head, rows, units=["", "", "", "", "share", "share", "seconds"])
        return Section("二、每日来电", plots=[columns, lines], tables=[table])

    def _groups(self, grouped: Sequence[tuple[str, Counted]]) -> Section:
        names = ("connection_rate", "service_level", "satisfaction", "rated_share")
        titles = {d.name: d.told(self._limits)[0] for d in FIGURES}

        units: list[Unit] = ["", "", "", *(d.unit for d in FIGURES if d.name in names)]

        def row(group: CountedGroup) -> _Row:
            told = {f.name: f.value for f in figures(group.tally)}
            return [group.title or "-", group.tally.counts["arrived"], group.tally.counts["answered"], *(told[n] for n in names)]

        return Section("三、渠道、队列与镇街", tables=[
            Table(
                f"按{title}", [title, "到达", "人工接通", *(titles[n] for n in names)],
                [row(g) for g in sorted(counted.groups, key=lambda g: -g.tally.counts["arrived"])],
                units=units,
            ) for title, counted in grouped
        ])

    def _orders(self, totals: OrderTotals) -> Section:
        text = [
            f"本月立单 {totals.opened} 件，其中保密 {totals.confidential} 件（只计总数，不进入下面的分类）；"
            f"未填类别 {totals.opened - totals.confidential - sum(c.orders for c in totals.categories)} 件。"
        ]
        tables = []
        plots = []
        for kind, title, found in (("category", "类别", totals.categories), ("matter", "事项", totals.matters)):
            rows: list[_Row] = []
            whole = sum(c.orders for c in found)
            for c in found:
                name = self._codes.name(c.table_version, "category" if kind == "category" else "matter", c.code) or c.code
                rows.append([name, c.orders, c.orders / whole])
            tables.append(Table(f"按{title}", [title, "件数", "占比"], rows, units=["", "", "share"]))
            if rows:
                labels = [str(r[0]) for r in rows]
                plots.append(Plot(f"立单按{title}（件）", "columns", labels, {"件数": [c.orders for c in found]}))
        places: list[_Row] = [[p.name or p.place, p.orders] for p in totals.places]
        tables.append(Table("件数最多的村居", ["村居", "件数"], places))
        return Section("四、工单", text, plots, tables)

    async def _forecast(self, end: datetime, now: datetime) -> Section:
        """The last two weeks of the month as they would have been foretold, and what came."""
        last = min(end, now).astimezone(SHANGHAI).date()
        load = await self._loads.load(first_day_needed(last, self._staffing.weeks), last)
        told = forecast(last, datetime.combine(last, time(), SHANGHAI), load, self._staffing, self._calendar)
        if not told.replayed:
            return Section("五、来电预测与实际", ["记录不足，还不能预测。"])
        labels = [f"{r.day:%m-%d}" for r in told.replayed]
        plot = Plot(
            "每日进队来电：预测与实际（个）", "lines", labels,
            {"预测": [round(r.expected, 1) for r in told.replayed], "实际": [float(r.came) for r in told.replayed]},
        )
        rows: list[_Row] = [
            [f"{r.day:%m-%d}", round(r.expected, 1), r.came, round(r.came - r.expected, 1)] for r in told.replayed
        ]
        off = "–" if told.off_share is None else f"{100 * told.off_share:.1f}%"
        text = [self._staffing.told() + "。", f"最后 {len(rows)} 天的半小时误差：Σ|预测 − 实际| ÷ Σ实际 = {off}。"]
        return Section("五、来电预测与实际", text, [plot], [Table("预测与实际", ["日期", "预测", "实际", "差"], rows)])

    def _early(self, warnings: Sequence[EarlyWarning]) -> Section:
        """Warnings somebody signed are told with their reason; of the others only how many there are."""
        signed = [w for w in warnings if w.decision and not w.open]
        waiting = sum(w.open for w in warnings)
        rows: list[_Row] = [
            [f"{w.day:%m-%d}", w.place_name or w.place, self._codes.name(w.table_version, w.kind, w.code) or w.code, w.orders,
             w.usual, LEVEL_NAMES[w.signed_level], DECISION_NAMES[w.decision], w.signed_by, w.reason]
            for w in signed
        ]
        text = [self._rules.told() + "。", f"已由人签署 {len(signed)} 条，待签发 {waiting} 条（未签发的不列出）。"]
        head = ["日期", "村居", "内容", "件数", "平时", "级别", "结论", "签署人", "理由"]
        return Section("六、晴雨表预警", text, tables=[Table("已签署的预警", head, rows)])

    def _balance(self, days: Counted) -> Section:
        parts = [*PARTS, UNDER_WAY]
        rows: list[_Row] = [
            ["号码" if b.kind == "number" else "队列", b.name, b.arrived,
             *(b.parts.get(p, 0) if p in PARTS else b.under_way for p in parts), b.difference]
            for b in days.total.balances
        ]
        off = sum(abs(b.difference) for b in days.total.balances)
        text = ["每个来电恰好属于一项：到达 = 各项之和。" + ("全部平衡。" if not off else "▲ 有不平衡的项，见差额一列。")]
        head = ["", "名称", "到达", *(_PARTS[p] for p in parts), "差额"]
        return Section("七、平衡校验", text, tables=[Table("平衡", head, rows)])


def _made(figure: Figure) -> str:
    numerator = "" if figure.numerator is None else f"{round(figure.numerator)} / "
    return f"{numerator}{figure.denominator}"


def _first(year: int, month: int) -> datetime:
    return datetime.combine(date(year, month, 1), time(), SHANGHAI)


def _next_first(year: int, month: int) -> datetime:
    return _first(year + month // 12, month % 12 + 1)
