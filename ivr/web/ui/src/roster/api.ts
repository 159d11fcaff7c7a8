/** The roster as supervisors change it, field for field (OpenAPI at /api/openapi.json). */
import { request, withFilters, type Filters } from '../api/client'

export interface Code { code: string; name: string }
export interface Shift { id: string; version: string; work_number: string; name: string; starts_at: string; ends_at: string; specialities: Code[] }
export interface ShiftWish { work_number: string; name: string; starts_at: string; ends_at: string; specialities: string[] }
export interface ShiftList { start: string; end: string; shifts: Shift[]; people: { work_number: string; name: string }[]; specialities: Code[] }
export interface Preview {
  added: Shift[]
  removed: Shift[]
  unchanged: number
  bad: { line: number; reason: string }[]
  first_day: string
  last_day: string
  version: string
  written: boolean
}

const path = (shift: Shift): string => `roster/shifts/${encodeURIComponent(shift.id)}`

export const rosterApi = {
  shifts: (filters: Filters, signal?: AbortSignal) => request<ShiftList>('GET', withFilters('roster/shifts', filters), undefined, signal),
  add: (wish: ShiftWish) => request<Shift>('POST', 'roster/shifts', wish),
  change: (shift: Shift, wish: ShiftWish) => request<Shift>('PUT', path(shift), wish, undefined, shift.version),
  remove: (shift: Shift) => request<void>('DELETE', path(shift), undefined, undefined, shift.version),
  preview: (csv: string) => request<Preview>('POST', 'roster/import', { csv, dry_run: true }),
  write: (csv: string, version: string) => request<Preview>('POST', 'roster/import', { csv, dry_run: false, version }),
  exportAddress: (from: string, to: string): string => `/api/v1/${withFilters('roster/export', { from, to })}`,
}
