import { describe, expect, it } from 'vitest'
import { clock, day, dayEnd, dayStart, duration, isDay, moment, offset, secondsSince } from '../src/time/format'

const now = new Date('2026-11-24T06:30:00Z') // 14:30 in Yinchuan

describe('moment', () => {
  it.each([
    ['2026-11-24T14:05:09.120+08:00', '14:05:09'],
    ['2026-11-23T16:00:00Z', '00:00:00'], // midnight there, still yesterday in Greenwich
    ['2026-11-23T15:59:59Z', '11-23 23:59'],
    ['2026-01-02T03:04:05+08:00', '01-02 03:04'],
    ['2025-12-31T23:59:00+08:00', '2025-12-31 23:59'],
    [null, ''],
    ['', ''],
    ['nonsense', ''],
  ])('%s is told as %s', (iso, told) => expect(moment(iso, now)).toBe(told))
})

describe('duration', () => {
  it.each([
    [0, '0′00″'], [5, '0′05″'], [185.9, '3′05″'], [3725, '62′05″'], [-4, '0′00″'],
    [null, ''], [undefined, ''], [Number.NaN, ''],
  ])('%s s is told as %s', (seconds, told) => expect(duration(seconds)).toBe(told))
})

describe('offset', () => {
  it.each([
    [0, false, '0:00'], [59.99, false, '0:59'], [61, false, '1:01'], [3, true, '0:03.0'], [59.96, true, '1:00.0'], [-1, true, '0:00.0'],
  ])('%s (tenths %s) is %s', (seconds, tenths, told) => expect(offset(seconds, tenths)).toBe(told))
})

it('counts from an instant, never below nothing', () => {
  expect(secondsSince('2026-11-24T14:29:50+08:00', now.getTime())).toBe(10)
  expect(secondsSince('2026-11-24T14:31:00+08:00', now.getTime())).toBe(0)
  expect(secondsSince(null, now.getTime())).toBeNull()
  expect(secondsSince('x', now.getTime())).toBeNull()
})

it('keeps to the hotline’s own day', () => {
  expect(clock(now)).toBe('14:30:00')
  expect(day(new Date('2026-11-23T16:00:00Z'))).toBe('2026-11-24')
  expect(Date.parse(dayEnd('2026-11-24')) - Date.parse(dayStart('2026-11-24'))).toBe(86_399_999)
  expect(['2026-11-24', '2026-13-01', '24.11.2026', ''].map(isDay)).toEqual([true, false, false, false])
})
