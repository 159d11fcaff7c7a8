/** My day as the server tells it, field for field (OpenAPI at /api/openapi.json). */
import { request, withFilters } from '../api/client'
import type { Figure, Formula } from '../api/statistics'

export interface Duty { work_number: string; name: string; speciality: { code: string; name: string }; starts_at: string; ends_at: string }
export interface MyDay {
  start: string
  end: string
  work_number: string
  shifts: Duty[]
  sat: { seat: string; since: string; until: string }[]
  answered: number
  called_back: number
  ring_outs: number
  talk_s: number
  ready_s: number
  talking_s: number
  wrap_up_s: number
  paused_s: number
  figures: Figure[]
  formulas: Formula[]
}

export const dayApi = {
  mine: (day: string, signal?: AbortSignal) => request<MyDay>('GET', withFilters('desk/day', { day }), undefined, signal),
}

export interface Shift { starts_at: string; ends_at: string; specialities: string[] }

/** One line for each shift: who answers for several specialities has a duty for each. */
export function shiftsOf(duties: readonly Duty[]): Shift[] {
  const found = new Map<string, Shift>()
  for (const duty of duties) {
    const key = `${duty.starts_at} ${duty.ends_at}`
    const shift = found.get(key) ?? { starts_at: duty.starts_at, ends_at: duty.ends_at, specialities: [] }
    shift.specialities.push(duty.speciality.name)
    found.set(key, shift)
  }
  return [...found.values()]
}
