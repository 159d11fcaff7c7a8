/** A score sheet adds up as the server does, and is sent only when it is whole. */
import { describe, expect, it } from 'vitest'
import type { Criterion, Mark, Result } from '../src/quality/api'
import { emptySheet, linesOf, missing, scoreOf } from '../src/quality/sheet'
import { holdWords, otherWords } from '../src/quality/words'

const c = (code: string, kind: 'machine' | 'human', weight: number): Criterion =>
  ({ code, title: code, kind, check: kind === 'machine' ? 'required' : '', weight, fatal: weight === 0 })
const CRITERIA = [c('greeting', 'machine', 20), c('silence', 'machine', 20), c('answer', 'human', 60), c('forbidden', 'machine', 0), c('privacy', 'human', 0)]
const r = (code: string, verdict: Result['verdict']): Result => ({ code, verdict, measured: null, why: '', findings: [] })
const RESULTS = [r('greeting', 'pass'), r('silence', 'fail'), r('forbidden', 'pass')]

describe('score sheet', () => {
  it('asks for every criterion of a person and for nothing of the machine', () => {
    const sheet = emptySheet(CRITERIA, undefined)
    expect(missing(CRITERIA, sheet)).toEqual(['answer', 'privacy'])
    sheet['answer']!.points = 61
    sheet['privacy']!.passed = false
    expect(missing(CRITERIA, sheet)).toEqual(['answer', 'privacy'])
    sheet['answer']!.points = 45
    sheet['privacy']!.reason = '说出姓名'
    expect(missing(CRITERIA, sheet)).toEqual([])
    expect(linesOf(CRITERIA, sheet)).toEqual([{ code: 'answer', points: 45 }, { code: 'privacy', passed: false, reason: '说出姓名' }])
    expect(scoreOf(CRITERIA, sheet, RESULTS)).toBe(0)
  })

  it('adds up as the server does', () => {
    const sheet = emptySheet(CRITERIA, undefined)
    sheet['answer']!.points = 45
    sheet['privacy']!.passed = true
    expect(scoreOf(CRITERIA, sheet, RESULTS)).toBe(65)
    expect(scoreOf(CRITERIA, sheet, [])).toBe(75)
    Object.assign(sheet['silence']!, { over: true, points: 20 })
    expect(missing(CRITERIA, sheet)).toEqual(['silence'])
    sheet['silence']!.reason = '找合同'
    expect(scoreOf(CRITERIA, sheet, RESULTS)).toBe(85)
    expect(scoreOf(CRITERIA, sheet, [...RESULTS.slice(0, 2), r('forbidden', 'fail')])).toBe(0)
  })

  it('takes up what people gave before, and nothing of the machine', () => {
    const line = (code: string, points: number | null, passed: boolean | null, by: 'machine' | 'human', reason = '') => ({ code, points, passed, by, reason })
    const before: Mark = { round: 1, card_version: '1', scorer: 'ban', score: 1, fatal: false, note: '', scored_at: '', lines: [
      line('greeting', 20, null, 'machine'), line('silence', 10, null, 'human', '找合同'), line('answer', 45, null, 'human'), line('privacy', null, true, 'human'),
    ] }
    const sheet = emptySheet(CRITERIA, before)
    expect(sheet['silence']).toEqual({ points: 10, passed: null, reason: '找合同', over: true })
    expect(sheet['greeting']!.over).toBe(false)
    expect(missing(CRITERIA, sheet)).toEqual([])
  })
})

describe('what a sheet tells beside its criteria', () => {
  it('tells how often and how long the caller was on hold', () => {
    expect(holdWords([])).toBe('')
    expect(holdWords([{ start_s: 13, end_s: 30.2 }, { start_s: 40, end_s: 58.5 }])).toBe('保持 2 次 共 36 秒')
  })

  it('names who else talked, by the seat where nobody knows', () => {
    const other = (operator: string, operator_name: string) => ({ seat: 'PJSIP/seat-east', operator, operator_name, talked_s: 8.4 })
    expect(otherWords([other('wang', '王律师'), other('li', ''), other('', '')], () => '东座')).toBe('王律师 8 秒、li 8 秒、座席 东座 8 秒')
    expect(otherWords([], () => '')).toBe('')
  })
})
