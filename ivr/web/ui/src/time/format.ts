/** Times and durations as PAGES asks: `14:05:09` today, `11-23 14:05` this year, `3′05″`; always the hotline's own zone. */

export const ZONE = 'Asia/Shanghai'

const parts = new Intl.DateTimeFormat('en-CA', {
  timeZone: ZONE, hourCycle: 'h23',
  year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
})

interface WallClock { date: string; year: string; monthDay: string; time: string }

function wallClock(at: Date): WallClock {
  const p = Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, value]))
  return {
    date: `${p['year']}-${p['month']}-${p['day']}`,
    year: p['year'] ?? '',
    monthDay: `${p['month']}-${p['day']}`,
    time: `${p['hour']}:${p['minute']}:${p['second']}`,
  }
}

/** `''` for nothing or for text that is no time: a page shows a blank rather than "Invalid Date". */
export function moment(iso: string | null | undefined, now: Date): string {
  const at = iso ? new Date(iso) : null
  if (!at || Number.isNaN(at.getTime())) return ''
  const told = wallClock(at)
  const today = wallClock(now)
  if (told.date === today.date) return told.time
  if (told.year === today.year) return `${told.monthDay} ${told.time.slice(0, 5)}`
  return `${told.date} ${told.time.slice(0, 5)}`
}

/** Clock time alone, `14:05:09`. */
export const clock = (at: Date): string => wallClock(at).time

/** The day in the hotline's zone, `2026-11-23`. */
export const day = (at: Date): string => wallClock(at).date

/** `3′05″`; minutes are not folded into hours, so that columns compare by eye. `''` when unknown. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return ''
  const whole = Math.max(0, Math.floor(seconds))
  return `${Math.floor(whole / 60)}′${String(whole % 60).padStart(2, '0')}″`
}

/** A place in a recording, `3:05`, or with tenths `3:05.2`. */
export function offset(seconds: number, tenths = false): string {
  const at = Math.max(0, tenths ? Math.round(seconds * 10) : Math.floor(seconds) * 10)
  const text = `${Math.floor(at / 600)}:${String(Math.floor((at % 600) / 10)).padStart(2, '0')}`
  return tenths ? `${text}.${at % 10}` : text
}

/** Seconds from an ISO time to `nowMs`, never negative (two clocks never agree to the millisecond). */
export function secondsSince(iso: string | null | undefined, nowMs: number): number | null {
  const at = iso ? Date.parse(iso) : Number.NaN
  return Number.isNaN(at) ? null : Math.max(0, (nowMs - at) / 1000)
}

/** First and last instant of the days `from`…`to` (`2026-11-23`), for the API's `from` and `to`. */
export const dayStart = (date: string): string => `${date}T00:00:00+08:00`
export const dayEnd = (date: string): string => `${date}T23:59:59.999+08:00`
export const isDay = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
