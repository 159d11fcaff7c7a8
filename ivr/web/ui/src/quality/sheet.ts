/** A score sheet while somebody fills it in: what is missing, what the server is sent, and the score it would come to. */
import type { Criterion, Mark, Result, SheetLine } from './api'

export interface Entry { points: number | null; passed: boolean | null; reason: string; over: boolean }

/** Empty for people's criteria, closed for the machine's; a former sheet of people is taken up again. */
export function emptySheet(criteria: Criterion[], before: Mark | undefined): Record<string, Entry> {
  const known = new Map((before?.lines ?? []).filter((l) => l.by === 'human').map((l) => [l.code, l]))
  return Object.fromEntries(criteria.map((c) => {
    const line = known.get(c.code)
    return [c.code, { points: line?.points ?? null, passed: line?.passed ?? null, reason: line?.reason ?? '', over: c.kind === 'machine' && !!line }]
  }))
}

const given = (c: Criterion, e: Entry): boolean => (c.fatal ? e.passed !== null : e.points !== null && Number.isInteger(e.points) && e.points >= 0 && e.points <= c.weight)
const needsReason = (c: Criterion, e: Entry): boolean => c.kind === 'machine' || e.passed === false

/** Codes that keep the sheet from being sent. */
export function missing(criteria: Criterion[], sheet: Record<string, Entry>): string[] {
  return criteria.filter((c) => {
    const e = sheet[c.code]
    if (!e || (c.kind === 'machine' && !e.over)) return c.kind === 'human' && !e
    return !given(c, e) || (needsReason(c, e) && e.reason.trim().length < 2)
  }).map((c) => c.code)
}

export function linesOf(criteria: Criterion[], sheet: Record<string, Entry>): SheetLine[] {
  return criteria.flatMap((c) => {
    const e = sheet[c.code]
    if (!e || (c.kind === 'machine' && !e.over) || !given(c, e)) return []
    const reason = e.reason.trim()
    return [{ code: c.code, ...(c.fatal ? { passed: e.passed === true } : { points: e.points ?? 0 }), ...(reason ? { reason } : {}) }]
  })
}

/** As the server adds up: points of what is judged ÷ its weights, 0 with a fatal failing; null while nothing is. */
export function scoreOf(criteria: Criterion[], sheet: Record<string, Entry>, results: Result[]): number | null {
  const verdicts = new Map(results.map((r) => [r.code, r.verdict]))
  let gained = 0, could = 0
  for (const c of criteria) {
    const e = sheet[c.code]
    const human = c.kind === 'human' || e?.over
    if (c.fatal) {
      if (human ? e?.passed === false : verdicts.get(c.code) === 'fail') return 0
    } else if (human) {
      if (e && given(c, e)) { gained += e.points ?? 0; could += c.weight }
    } else if (verdicts.get(c.code) === 'pass' || verdicts.get(c.code) === 'fail') {
      gained += verdicts.get(c.code) === 'pass' ? c.weight : 0
      could += c.weight
    }
  }
  return could ? Math.round((1000 * gained) / could) / 10 : null
}
