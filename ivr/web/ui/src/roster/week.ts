/** Weeks and minutes by the hotline's own clock; pure, so that midnights can be tested. */
import { day, ZONE } from '../time/format'
import type { Shift } from './api'

const DAY_MS = 86_400_000
const noon = (date: string): number => Date.parse(`${date}T12:00:00+08:00`)
export const dayBy = (date: string, days: number): string => day(new Date(noon(date) + days * DAY_MS))

/** The Monday of the week a day lies in. */
export function monday(date: string): string {
  const weekday = new Date(noon(date)).getUTCDay()
  return dayBy(date, -((weekday + 6) % 7))
}

/** Seven days from a Monday on. */
export const weekOf = (first: string): string[] => Array.from({ length: 7 }, (_, n) => dayBy(first, n))

const minutes = new Intl.DateTimeFormat('en-CA', {
  timeZone: ZONE, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
})
/** `2026-11-26T08:30` by Shanghai's clock, as a field for a time holds it. */
export function asLocal(iso: string): string {
  const p = Object.fromEntries(minutes.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]))
  return `${p['year']}-${p['month']}-${p['day']}T${p['hour']}:${p['minute']}`
}
export const asMoment = (local: string): string => `${local.slice(0, 16)}:00+08:00`

/** A shift stands on the day it begins, or on the first day shown when it began before. */
export const dayShown = (shift: Shift, first: string): string => {
  const begins = asLocal(shift.starts_at).slice(0, 10)
  return begins < first ? first : begins
}

/** `08:30–12:00`; with the day where it ends on another one. */
export function span(shift: Shift): string {
  const [from, to] = [asLocal(shift.starts_at), asLocal(shift.ends_at)]
  const same = from.slice(0, 10) === to.slice(0, 10)
  return `${from.slice(11)}–${same ? '' : `${to.slice(5, 10)} `}${to.slice(11)}`
}

/** A file as people save it: UTF-8, or what Chinese spreadsheets write by default. */
export function decoded(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('gb18030').decode(bytes)
  }
}
