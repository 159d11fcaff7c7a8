/**
 * DEVELOPMENT ONLY: an invented server to look at the pages with. Never part of the product, never shipped.
 *
 *   node dev/fake_api.mjs [--port 8090] [--scene plain|worst|empty|error|stale|denied|slow]
 *
 * Serves ../static with the product's own content security policy and answers the API's shapes with made-up people.
 * Any name and password sign in, except the password "wrong"; ticket "t1" signs in once.
 */
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { randomBytes } from 'node:crypto'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { statistics, wall } from './fake_figures.mjs'

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`)
  return at > 0 ? process.argv[at + 1] : fallback
}
const SCENE = option('scene', 'plain')
const PORT = Number(option('port', '8090'))
const STATIC = join(fileURLToPath(new URL('.', import.meta.url)), '../../static')
const LONG = '张王李赵钱孙周吴郑冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦'
const HOSTILE = '<img src=x onerror=alert(1)>"\';--\u202eevil'
const worst = SCENE === 'worst'

const T0 = Date.now()
const iso = (secondsAgo) => new Date(T0 - secondsAgo * 1000 + 8 * 3600e3).toISOString().replace('Z', '+08:00')
const orderNumber = (n) => `6401051${new Date(T0).toISOString().slice(2, 10).replaceAll('-', '')}${String(n).padStart(5, '0')}${(n * 7) % 10}`

// ---- people, queues
const SEATS = [
  ['李静', 'talking', ''], ['王建国', 'talking', ''], ['马小兰', 'available', ''], ['杨帆', 'ringing', ''],
  ['赵敏', 'paused', 'wrap_up'], ['陈思远', 'paused', '用餐'], ['丁海燕', 'offline', ''], ['刘洋', 'available', ''],
]
const seats = worst
  ? Array.from({ length: 30 }, (_, i) => [i % 3 ? LONG : HOSTILE, ['talking', 'ringing', 'paused', 'offline', 'available'][i % 5], i % 2 ? LONG : ''])
  : SEATS
const memberList = seats.map(([name, state, reason], i) => ({ name, interface: `PJSIP/seat-${i + 1}`, state, paused_reason: reason }))
const count = (state) => memberList.filter((m) => m.state === state).length
const callersWaiting = (n) => Array.from({ length: n }, (_, i) => ({
  linked_id: `ivr1-${Math.floor(T0 / 1000)}.${200 + i}`, position: i + 1,
  caller_number: worst && i === 1 ? HOSTILE : ['13909510027', '09518877665', '15209578812', ''][i % 4], waited_s: 42 - i * 7 + (worst ? 4200 : 0) + (SCENE === 'stale' ? 0 : (Date.now() - T0) / 1000),
}))
const queue = (name, n) => {
  const callers = callersWaiting(n)
  const stale = SCENE === 'stale'
  return {
    queue: name, title: name, waiting: n, longest_wait_s: callers[0]?.waited_s ?? 0, member_list: memberList, callers, stale,
    members: Object.fromEntries(['available', 'ringing', 'talking', 'paused', 'offline'].map((s) => [s, count(s)])),
    stale_since: stale ? iso(95) : null, as_of: iso(stale ? 95 : 0),
  }
}
const boards = () => SCENE === 'empty' ? [] : worst ? [queue(LONG, 128), { ...queue('qwertyuiopasdfghjklzxcvbnmqwertyuiopasdf', 0), member_list: [] }, queue('mediation', 3)] : [queue('12348', 3)]

// ---- calls
const CALLERS = [
  ['13995171234', '张秀英'], ['15009512345', ''], ['09512068899', ''], ['18795301188', '马国强'], ['', ''], ['13709587766', '康庄社区'],
]
const OUTCOMES = ['answered', 'abandoned', 'answered', 'message', 'answered', 'callback', 'failed', 'interrupted', 'overflow', 'self_service']
const call = (i, state, ago, outcome = null) => {
  const [number, name] = worst ? [i % 2 ? HOSTILE : '+8613900000000000000000', i % 3 ? LONG : HOSTILE] : CALLERS[i % CALLERS.length]
  const answered = outcome === 'answered' || state === 'talking'
  return {
    linked_id: i < 3 && state === 'queued' ? callersWaiting(3)[i].linked_id : `ivr1-${Math.floor(T0 / 1000)}.${i}`,
    state, outcome, channel: i % 5 === 4 ? 'village_video' : 'hotline', caller_number: number, caller_name: name, called_number: '12348',
    queue: worst ? LONG : '12348', operator: answered ? `PJSIP/seat-${(i % 8) + 1}` : '',
    arrived_at: iso(ago), queued_at: state === 'arrived' ? null : iso(ago - 7), answered_at: answered ? iso(ago - 13) : null,
    ended_at: state === 'ended' ? iso(ago - 13 - 185 - i) : null, wait_s: state === 'talking' || state === 'ended' ? 13.2 : null,
    talk_s: state === 'ended' && answered ? 185 + i * 31 : null, order: state === 'ended' ? orderNumber(i) : null,
  }
}
const liveCalls = [call(0, 'queued', 49), call(1, 'queued', 42), call(2, 'queued', 35), call(501, 'talking', 312), call(502, 'talking', 77), call(504, 'arrived', 4)]
const endedCalls = Array.from({ length: worst ? 400 : 46 }, (_, i) => call(i + 3, 'ended', 500 + i * 640 + (i > 20 ? 90_000 : 0), OUTCOMES[i % OUTCOMES.length]))
const calls = SCENE === 'empty' ? [] : [...liveCalls, ...endedCalls]

// ---- one dialogue, its sound, its order
const SAID = [
  ['operator', '您好 ， 这里 是 西夏区 12348 公共 法律 服务 热线 ， 请 讲 。'],
  ['caller', '你好 ， 我 想 咨询 一下 ， 我 在 康庄 社区 住 ， 我 叫 张秀英 。'],
  ['operator', '张 女士 您好 ， 您 遇到 什么 问题 ？'],
  ['caller', '去年 十一月 我 把 八万 元 借 给 邻居 ， 他 写 了 借条 ， 说 好 今年 六月 三十 号 还 ， 到 现在 一直 不 还 。'],
  ['operator', '借条 上 写 利息 了 吗 ？ 有 没有 转账 记录 ？'],
  ['caller', '利息 没有 写 ， 钱 是 从 银行 转 的 ， 记录 都 在 。'],
  ['operator', '好 的 。 您 可以 先 到 社区 申请 人民 调解 ， 调解 不成 再 向 法院 起诉 。 方便 留 一个 回拨 号码 吗 ？'],
  ['caller', '可以 ， 一 三 九 九 五 一 七 一 二 三 四 。'],
  ['operator', '记 下 了 ， 稍后 会 有 工作 人员 跟 您 联系 。 还有 别的 要 问 吗 ？'],
  ['caller', '没有 了 ， 谢谢 您 。'],
]
function dialogue() {
  let t = 0.8
  return (worst ? Array.from({ length: 30 }, () => SAID).flat() : SAID).map(([speaker, text]) => {
    const words = text.split(' ').map((w, i) => {
      const length = /[，。？]/.test(w) ? 0.12 : 0.17 * w.length + 0.06
      const word = { text: w, start_s: +t.toFixed(2), end_s: +(t + length).toFixed(2), confidence: (i * 7 + w.length) % 11 === 3 ? 0.48 : 0.97 }
      t += length + 0.02
      return word
    })
    t += 0.5
    return { speaker, words, text: words.map((w) => w.text).join(''), start_s: words[0].start_s, end_s: words.at(-1).end_s, confidence: 0.93 }
  })
}
const segments = dialogue()
const SECONDS = segments.at(-1).end_s + 0.8
const find = (speaker, first, last) => {
  for (const s of segments) {
    if (s.speaker !== speaker) continue
    const a = s.words.findIndex((w) => w.text === first)
    const b = s.words.findIndex((w, i) => i >= a && w.text === last)
    if (a >= 0 && b >= 0) return { speaker, text: s.words.slice(a, b + 1).map((w) => w.text).join(''), start_s: s.words[a].start_s, end_s: s.words[b].end_s, confidence: 0.95 }
  }
  return null
}
const field = (name, value, display, evidence, rule, ordinal = 0) => ({ field: name, ordinal, value, display, source: 'machine', rule, linked_id: '', evidence })
const filledFields = [
  field('category', 'consultation', '法律咨询', find('caller', '咨询', '一下'), 'cue'),
  field('matter', 'debt', worst ? LONG : '债务', find('caller', '借条', '借条'), 'cue'),
  field('caller_name', '张秀英', worst ? HOSTILE : '张秀英', find('caller', '叫', '张秀英'), 'after_called'),
  field('callback_number', '13995171234', '13995171234', find('caller', '一', '四'), 'eleven_digits'),
  field('amount', '80000', '80000 元', { ...find('caller', '八万', '元'), confidence: 0.52 }, 'amount'),
  field('date', '2026-06-30', '2026-06-30', find('caller', '今年', '号'), 'this_year'),
]
const MOVES = [
  { move: 'submit', title: '提交审核', allowed: true, why: '', needs: [] },
  { move: 'assign', title: '指派', allowed: true, why: '', needs: ['assignee'] },
  { move: 'extend', title: '延期', allowed: false, why: worst ? LONG.repeat(3) : '工单现在是待核对，不能延期', needs: ['days', 'reason'] },
]
const order = (c, full) => {
  const answered = c.outcome === 'answered'
  const fields = answered ? filledFields.map((f) => ({ ...f, linked_id: c.linked_id })) : []
  return {
    number: c.order, state: 'draft', channel: c.channel, outcome: c.outcome, caller_number: c.caller_number,
    category: answered ? { code: 'consultation', name: '法律咨询' } : { code: '', name: '' },
    matter: answered ? { code: 'debt', name: worst ? LONG : '债务' } : { code: '', name: '' },
    opened_at: c.ended_at, filled_at: answered ? c.ended_at : null, version: answered ? 2 : 1, calls: [c.linked_id],
    note: c.outcome === 'abandoned' ? '来电人在有人接听前挂断，没有录音。' : worst ? LONG.repeat(4) : '', fields: full || answered ? fields : [], blanks: [],
    due_at: answered ? iso(-86_400) : null, asked_about: '', table_version: '1', owner: answered ? '8001' : '', assigned_to: '', assigned_unit: '',
    card: worst ? 'red' : answered ? 'yellow' : '', urged: worst ? 3 : 0, returns: 0, extended: false, confidential: false, merged_into: '',
    ...(full ? { hidden: false, assigned_at: null, decision_by: '', conflicts: [], merged: [], moves: MOVES, history: [] } : {}),
  }
}
const orders = SCENE === 'empty' ? [] : endedCalls.map((c) => order(c))
const detail = (c) => {
  const heard = c.state === 'ended' && (c.outcome === 'answered')
  return {
    ...c, notice_version: '2026-11', menu_choice: heard ? 'waiting:1' : '', rating: heard ? 2 : null, recording_refused: c.outcome === 'overflow', hangup_by: heard ? 'operator' : 'caller',
    hangup_cause: c.state === 'ended' ? 16 : null, caller_name_raw: c.caller_name, caller_number_raw: c.caller_number,
    recordings: heard ? ['caller', 'operator'].map((track) => ({ track, seconds: SECONDS, state: 'transcribed', problem: '' })) : [],
    transcript: heard ? { state: 'complete', segments } : { state: 'none', segments: [] },
  }
}
/** Who speaks in each hundredth of a second: 1 the caller, 2 the operator. */
const voices = new Uint8Array(Math.ceil(SECONDS * 100) + 1)
for (const s of segments) for (const w of s.words) voices.fill(s.speaker === 'caller' ? 1 : 2, w.start_s * 100, w.end_s * 100)
const speaking = (speaker, t) => voices[Math.floor(t * 100)] === (speaker === 'caller' ? 1 : 2)
const peaks = (points) => Object.fromEntries([['points', points], ...['caller', 'operator'].map((speaker) => [
  speaker, Array.from({ length: points }, (_, i) => (speaking(speaker, (i / points) * SECONDS) ? 0.25 + 0.6 * Math.abs(Math.sin(i * 12.9898) * Math.cos(i * 4.1)) : 0.004)),
])])
let wav
function sound() {
  if (wav) return wav
  const rate = 8000
  const n = Math.floor(SECONDS * rate)
  wav = Buffer.alloc(44 + n * 4)
  wav.write('RIFF', 0); wav.writeUInt32LE(36 + n * 4, 4); wav.write('WAVEfmt ', 8); wav.writeUInt32LE(16, 16); wav.writeUInt16LE(1, 20); wav.writeUInt16LE(2, 22)
  wav.writeUInt32LE(rate, 24); wav.writeUInt32LE(rate * 4, 28); wav.writeUInt16LE(4, 32); wav.writeUInt16LE(16, 34); wav.write('data', 36); wav.writeUInt32LE(n * 4, 40)
  for (let i = 0; i < n; i++) {
    const t = i / rate
    const tone = (hz, on) => (on ? Math.sin(2 * Math.PI * hz * t) * 5000 : 0)
    wav.writeInt16LE(tone(220, speaking('caller', t)), 44 + i * 4)
    wav.writeInt16LE(tone(150, speaking('operator', t)), 46 + i * 4)
  }
  return wav
}

// ---- HTTP
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const sessions = new Set()
let ticketUsed = false
const json = (res, status, body, headers = {}) => {
  res.writeHead(status, { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', ...headers })
  res.end(JSON.stringify(body))
}
const problem = (res, status, code, detail = '') => json(res, status, { type: `urn:ivr:problem:${code}`, title: code, status, code, detail })
const policy = (nonce) => `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`

function live(res) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  const send = (event, data, id) => res.write(`${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  const clock = () => send('clock', { now: new Date().toISOString(), fresh: true, as_of: new Date().toISOString() })
  res.write('retry: 2000\n\n')
  send('snapshot', { queues: boards(), calls: calls.slice(0, 56), orders: orders.slice(0, 50) }, 1)
  clock()
  if (worst) send('alarm', { name: 'recordings_disk', at: iso(60), text: '录音磁盘只剩 118 MB，请清理或扩容；通话照常进行，但新录音可能丢失。', active: true }, 2)
  if (SCENE === 'silent') return
  const beat = setInterval(clock, 5000)
  res.on('close', () => clearInterval(beat))
}

function page(list, url) {
  const at = Number(url.searchParams.get('cursor') ?? 0)
  const limit = Number(url.searchParams.get('limit') ?? 50)
  const q = url.searchParams.get('q')
  const match = list.filter((row) => ['state', 'outcome', 'channel'].every((k) => !url.searchParams.get(k) || row[k] === url.searchParams.get(k)) && (!q || JSON.stringify(row).includes(q)))
  return [match.slice(at, at + limit), at + limit < match.length ? String(at + limit) : null]
}

function answerApi(req, res, url, body) {
  const path = url.pathname.slice('/api/v1/'.length)
  const token = /ivr_session=(\w+)/.exec(req.headers.cookie ?? '')?.[1]
  if (path === 'session' && req.method === 'POST') {
    const said = JSON.parse(body || '{}')
    if (said.password === 'wrong' || (said.ticket && (said.ticket !== 't1' || ticketUsed))) return problem(res, 401, 'login_refused')
    if (said.ticket) ticketUsed = true
    const secret = randomBytes(12).toString('hex')
    sessions.add(secret)
    return json(res, 200, { user: { name: 'lijing', display_name: worst ? LONG : '李静', roles: ['supervisor'] } }, { 'Set-Cookie': `ivr_session=${secret}; HttpOnly; SameSite=Strict; Path=/` })
  }
  if (!sessions.has(token)) return problem(res, 401, 'unauthenticated')
  if (path === 'session') {
    if (req.method === 'DELETE') { sessions.delete(token); res.writeHead(204); return res.end() }
    return json(res, 200, { user: { name: 'lijing', display_name: worst ? LONG : '李静', roles: ['supervisor'] } })
  }
  if (SCENE === 'slow') return undefined
  if (SCENE === 'denied') return problem(res, 403, 'denied', 'role missing')
  if (SCENE === 'error') return problem(res, 503, 'unavailable', 'database away')
  if (path === 'live') return live(res)
  if (path === 'queues') return json(res, 200, { queues: boards() })
  if (path === 'calls') { const [rows, next] = page(calls, url); return json(res, 200, { calls: rows, next }) }
  if (path === 'work-orders') { const [rows, next] = page(orders, url); return json(res, 200, { orders: rows, next }) }
  if (path === 'statistics') return json(res, 200, statistics(SCENE, url))
  if (path === 'statistics/wall') return json(res, 200, wall(SCENE, url))
  if (path === 'statistics/calls') { const [rows, next] = page(endedCalls, url); return json(res, 200, { calls: rows, next }) }
  if (path === 'order-tables') return json(res, 200, { categories: [{ code: 'consultation', name: '法律咨询' }], matters: [{ code: 'debt', name: '债务' }], places: [{ code: '640105001', name: '西花园路街道' }] })
  const [, kind, id, part] = /^(calls|work-orders)\/([^/]+)(?:\/(\w+))?$/.exec(decodeURIComponent(path)) ?? []
  const found = kind === 'calls' ? calls.find((c) => c.linked_id === id) : calls.find((c) => c.order === id)
  if (!found) return problem(res, 404, 'not_found')
  if (part === 'candidates') return json(res, 200, { candidates: [{ work_number: '7001', name: worst ? LONG : '赵律师', unit: '司法所', load: 2, reasons: ['负责本村居', '在办 2 件'] }] })
  if (part === 'duplicates') return json(res, 200, { days: 30, orders: [] })
  if (kind === 'work-orders') return json(res, 200, order(found, true))
  if (part === 'peaks') return json(res, 200, peaks(Number(url.searchParams.get('points') ?? 1000)))
  if (part === 'audio') {
    const all = sound()
    const [, from, to] = /bytes=(\d+)-(\d*)/.exec(req.headers.range ?? '') ?? []
    if (from === undefined) { res.writeHead(200, { 'Content-Type': 'audio/wav', 'Content-Length': all.length, 'Accept-Ranges': 'bytes' }); return res.end(all) }
    const end = to ? Math.min(Number(to), all.length - 1) : all.length - 1
    res.writeHead(206, { 'Content-Type': 'audio/wav', 'Content-Length': end - from + 1, 'Accept-Ranges': 'bytes', 'Content-Range': `bytes ${from}-${end}/${all.length}` })
    return res.end(all.subarray(Number(from), end + 1))
  }
  return json(res, 200, detail(found))
}

createServer((req, res) => {
  const url = new URL(req.url, 'http://x')
  if (url.pathname.startsWith('/api/')) {
    let body = ''
    req.on('data', (part) => (body += part))
    req.on('end', () => answerApi(req, res, url, body))
    return
  }
  const nonce = randomBytes(12).toString('base64url')
  const file = join(STATIC, normalize(url.pathname))
  res.setHeader('Content-Security-Policy', policy(nonce))
  if (url.pathname.startsWith('/assets/') && existsSync(file)) {
    res.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' })
    return createReadStream(file).pipe(res)
  }
  if (url.pathname.startsWith('/assets/')) { res.writeHead(404); return res.end() }
  res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
  return res.end(readFileSync(join(STATIC, 'index.html'), 'utf8').replaceAll('__CSP_NONCE__', nonce))
}).listen(PORT, '127.0.0.1', () => console.log(`fake API (development only), scene ${SCENE}: http://127.0.0.1:${PORT}`))
