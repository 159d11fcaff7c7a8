/** DEVELOPMENT ONLY: invented figures for the fake API; see fake_api.mjs. The formulas' words are the server's. */
const FORMULAS = [
  ['connection_rate', '接通率', 'share', '人工接通 ÷ 到达（除进行中）', 'answered', 'settled'],
  ['service_level', '服务水平', 'share', '15 秒内接通 ÷（接通 + 15 秒后放弃）', 'answered_within', 'answered_or_waited_in_vain'],
  ['service_level_of_answered', '15 秒内接通占比', 'share', '15 秒内接通 ÷ 接通', 'answered_within', 'answered'],
  ['service_level_of_all', '服务水平（计全部放弃）', 'share', '15 秒内接通 ÷（接通 + 放弃）', 'answered_within', 'answered_or_abandoned'],
  ['service_level_gone_as_served', '服务水平（短放弃算达标）', 'share', '（15 秒内接通 + 15 秒内放弃）÷（接通 + 放弃）', 'served_or_gone_within', 'answered_or_abandoned'],
  ['answered_also_within', '20 秒内接通占比', 'share', '20 秒内接通 ÷ 接通', 'answered_also_within', 'answered'],
  ['answer_p50', '接通时间中位数', 'seconds', '一半的接通不超过的接通时间，从到达算起，含问候', '', 'answered'],
  ['answer_p90', '接通时间 P90', 'seconds', '九成的接通不超过的接通时间，从到达算起，含问候', '', 'answered'],
  ['asa', '平均接通等待', 'seconds', '接通来电的等待合计 ÷ 接通', '', 'answered'],
  ['abandoned_wait', '放弃前平均等待', 'seconds', '放弃来电的等待合计 ÷ 放弃', '', 'abandoned'],
  ['abandonment', '放弃率', 'share', '等满 5 秒后放弃 ÷ 到达（除进行中）', 'abandoned_long', 'settled'],
  ['abandonment_short', '短放弃率', 'share', '不满 5 秒放弃 ÷ 到达（除进行中）', 'abandoned_short', 'settled'],
  ['abandonment_in_greeting', '问候中放弃率', 'share', '进队前放弃 ÷ 到达（除进行中）', 'abandoned_in_greeting', 'settled'],
  ['talk_time', '平均通话时长', 'seconds', '通话（含保持）合计 ÷ 已结束的接通', '', 'talked'],
  ['satisfaction', '满意率', 'share', '评为非常满意、满意、基本满意 ÷ 参评', 'satisfied', 'rated'],
  ['rated_share', '测评率', 'share', '参评 ÷ 接通', 'rated', 'answered'],
  ['dissatisfied_called_back', '不满意回访率', 'share', '完成回访的不满意 ÷ 不满意', 'dissatisfied_called_back', 'dissatisfied'],
  ['on_time', '按时办结率', 'share', '期限前办结的工单 ÷ 到期的工单', '', ''],
].map(([name, title, unit, formula, numerator, denominator]) => ({ name, title, unit, formula, numerator, denominator }))
const SECONDS = { answer_p50: 11.4, answer_p90: 27.8, asa: 14.2, abandoned_wait: 31.7, talk_time: 372 }
const NOT_RECORDED = [
  { name: 'aht', title: '平均处理时长', why: '话后整理的时间还没有记录；通话与保持见平均通话时长' },
  { name: 'occupancy', title: '坐席占用率', why: '坐席的签入、小休和整理时间还没有记录' },
  { name: 'evaluated_share', title: '质检率', why: '质检评分还没有记录' },
]
const MATTERS = ['法律咨询', '法律援助', '人民调解', '公证', '律师服务', '投诉建议', '仲裁', '行政复议', '司法鉴定']
const VILLAGES = ['康庄社区', '泾华村', '西花园社区', '福利巷社区', '惠民社区', '橡民社区', '沁园社区', '梦园社区', '兴洲南路社区', '燕宝社区', '镇北堡镇', '兴泾镇']
const at = (ms) => new Date(ms + 8 * 3600e3).toISOString().replace('Z', '+08:00')

function group(n, key, title, start, end, { odd = 0, under = 0 } = {}) {
  const part = (share) => Math.round(n * share)
  const failed = part(0.01), message = part(0.01), callback = part(0.01), selfService = part(0.02), abandoned = part(0.05)
  const answered = n - under - odd - failed - message - callback - selfService - abandoned
  const rated = Math.round(answered * 0.46), dissatisfied = Math.round(rated * 0.06), short = Math.round(abandoned * 0.3)
  const counts = {
    arrived: n, settled: n - under, under_way: under, unaccounted: odd, answered, not_answered: n - under - answered, abandoned, callback, message,
    self_service: selfService, overflow: 0, failed, entered: n - selfService, answered_within: Math.round(answered * 0.82),
    answered_also_within: Math.round(answered * 0.91), abandoned_long: abandoned - short, abandoned_short: short, abandoned_in_greeting: short,
    answered_or_abandoned: answered + abandoned, answered_or_waited_in_vain: answered + abandoned - short,
    served_or_gone_within: Math.round(answered * 0.82) + short, talked: answered, rated, satisfied: rated - dissatisfied, dissatisfied,
    dissatisfied_called_back: Math.round(dissatisfied * 0.7),
  }
  const figures = FORMULAS.filter((f) => f.name !== 'on_time').map((f) => {
    const below = counts[f.denominator]
    if (f.name in SECONDS) {
      const value = below ? SECONDS[f.name] : null
      return { name: f.name, value, numerator: f.name.startsWith('answer_p') ? null : (value ?? 0) * below, denominator: below }
    }
    return { name: f.name, value: below ? counts[f.numerator] / below : null, numerator: counts[f.numerator], denominator: below }
  })
  const parts = { answered, abandoned, callback, message, self_service: selfService, overflow: 0, failed }
  return {
    key, title, start, end, counts, figures, balanced: !odd, rolling_24h: { name: 'connection_rate', value: 0.9698, numerator: 15395, denominator: 15875 },
    balances: n ? [{ kind: 'number', name: '12348', arrived: n, parts, under_way: under, difference: odd }] : [],
  }
}

/** GET /api/v1/statistics of one invented day. */
export function statistics(scene, url) {
  const by = url.searchParams.get('by') ?? 'interval'
  const step = url.searchParams.get('interval') ?? '1h'
  const from = Date.parse(url.searchParams.get('from') ?? at(Date.now()).slice(0, 10) + 'T00:00:00+08:00')
  const to = Date.parse(url.searchParams.get('to') ?? at(from + 86_400e3))
  const long = { '15m': 900e3, '1h': 3600e3, '1d': 86_400e3 }[step]
  const odd = scene === 'worst' ? 2 : 0
  const groups = []
  if (by === 'interval') {
    for (let t = from; t < to && groups.length < 400; t += long) {
      const hour = new Date(t + 8 * 3600e3).getUTCHours()
      const busy = scene === 'empty' ? 0 : Math.round(Math.max(0, 26 - Math.abs(hour - 10.5) * 3.4) * (long / 3600e3) * (scene === 'worst' ? 37 : 1))
      groups.push(group(busy, '', '', at(t), at(Math.min(t + long, to)), { odd: hour === 10 ? odd : 0 }))
    }
  } else if (scene !== 'empty') {
    const titles = { queue: ['法律服务热线', '回族语言坐席'], town: ['西花园路街道', '兴泾镇', '镇北堡镇', '未说明'], channel: ['热线', '村居视频', '语音留言'] }[by] ?? []
    titles.forEach((title, i) => groups.push(group(180 - i * 47, ['12348', 'hui', 'c', 'unknown'][i], title, at(from), at(to), { odd: i ? 0 : odd })))
  }
  const all = groups.reduce((n, g) => n + g.counts.arrived, 0)
  return {
    start: at(from), end: at(to), by, interval: by === 'interval' ? step : null, formulas: FORMULAS, groups, not_recorded: NOT_RECORDED,
    total: group(all, '', '', at(from), at(to), { odd, under: all ? 3 : 0 }), of_seats: [], seats: [], on_time: { name: 'on_time', value: all ? 0.9412 : null, numerator: all ? 48 : 0, denominator: all ? 51 : 0 },
  }
}

/** GET /api/v1/statistics/wall. */
export function wall(scene, url) {
  const now = Date.now()
  const empty = scene === 'empty', worst = scene === 'worst'
  const names = worst ? VILLAGES.map((v) => v + '第三居民小组活动中心附近') : VILLAGES
  const places = empty ? [] : names.map((name, y) => {
    const orders = MATTERS.map((_, x) => Math.max(0, Math.round((12 - y) * (9 - x) * (worst ? 3 : 0.35) + ((x * 7 + y * 5) % 9) - 4)))
    return { place: `p${y}`, name, orders, total: orders.reduce((a, b) => a + b, 0) }
  })
  const orders = empty ? [] : [
    ['draft', 23, 0, 0], ['pending_review', 6, 1, 0], ['assigned', 14, 2, worst ? 14 : 1], ['accepted', 9, 1, 0], ['in_progress', 31, 3, worst ? 31 : 1],
    ['returned', 2, 0, worst ? 2 : 0], ['resolved', 12, 0, 0], ['callback_due', 3, 0, 0], ['closed', 418, 0, 0],
  ].map(([state, n, yellow, red]) => ({ state, orders: n, yellow, red }))
  return {
    as_of: at(now), connection_goal: 0.95, formulas: FORMULAS, today: group(empty ? 0 : worst ? 25520 : 287, '', '', at(now - 3e7), at(now), { odd: worst ? 2 : 0, under: empty ? 0 : 3 }),
    rolling_24h: empty ? { name: 'connection_rate', value: null, numerator: 0, denominator: 0 } : worst
      ? { name: 'connection_rate', value: 0.8812, numerator: 22488, denominator: 25520 } : { name: 'connection_rate', value: 0.9698, numerator: 15395, denominator: 15875 },
    on_time: { name: 'on_time', value: empty ? null : 0.9412, numerator: empty ? 0 : 48, denominator: empty ? 0 : 51 }, orders,
    heat: { kind: url.searchParams.get('heat') ?? 'category', days: 30, columns: empty ? [] : MATTERS.map((name, i) => ({ code: `c${i}`, name })), places, further_places: empty ? 0 : 9 },
  }
}
