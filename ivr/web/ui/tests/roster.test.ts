import { describe, expect, it } from 'vitest'
import type { Shift } from '../src/roster/api'
import { asLocal, asMoment, dayBy, dayShown, decoded, monday, span, weekOf } from '../src/roster/week'
import { shiftsOf, type Duty } from '../src/day/api'

const shift = (starts_at: string, ends_at: string): Shift => ({ id: '', version: '', work_number: '8001', name: '', starts_at, ends_at, specialities: [] })

describe('weeks by Shanghai’s clock', () => {
  it('begin on Monday, over months and years too', () => {
    expect(monday('2026-11-26')).toBe('2026-11-23')
    expect(monday('2026-11-23')).toBe('2026-11-23')
    expect(monday('2026-11-29')).toBe('2026-11-23')
    expect(monday('2027-01-01')).toBe('2026-12-28')
    expect(weekOf('2026-12-28').at(-1)).toBe('2027-01-03')
    expect(dayBy('2028-02-28', 1)).toBe('2028-02-29')
  })
  it('take a moment to the minute and back, whatever the computer’s zone', () => {
    expect(asLocal('2026-11-25T16:30:00Z')).toBe('2026-11-26T00:30')
    expect(Date.parse(asMoment('2026-11-26T00:30'))).toBe(Date.parse('2026-11-25T16:30:00Z'))
  })
  it('show a shift on the day it begins, and one that began before on the first', () => {
    const night = shift('2026-11-22T22:00:00+08:00', '2026-11-23T06:00:00+08:00')
    expect([dayShown(night, '2026-11-23'), dayShown(night, '2026-11-16')]).toEqual(['2026-11-23', '2026-11-22'])
    expect(span(night)).toBe('22:00–11-23 06:00')
    expect(span(shift('2026-11-22T08:30:00+08:00', '2026-11-22T12:00:00+08:00'))).toBe('08:30–12:00')
  })
})

it('a file is read as UTF-8, else as Chinese spreadsheets write it', () => {
  expect(decoded(new TextEncoder().encode('王律师').buffer as ArrayBuffer)).toBe('王律师')
  expect(decoded(new Uint8Array([0xcd, 0xf5]).buffer)).toBe('王')
})

it('duties of one time are one shift', () => {
  const duty = (starts_at: string, name: string): Duty => ({ work_number: '8001', name: '', speciality: { code: '', name }, starts_at, ends_at: `${starts_at}e` })
  expect(shiftsOf([duty('a', '婚姻家庭'), duty('a', '债务'), duty('b', '债务')]).map((s) => s.specialities)).toEqual([['婚姻家庭', '债务'], ['债务']])
})
