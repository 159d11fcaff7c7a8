/** Hours of village advisers as the server sends them (OpenAPI at /api/openapi.json). */
import { request } from './client'

export type WorkKind = 'visit' | 'lecture'

export interface VillageHours {
  village: string
  name: string
  town_name: string
  advisers: string[]
  hours: number
  call_minutes: number
  visit_minutes: number
  lecture_minutes: number
  calls: number
  missed: number
  /** Null while the year is too young to tell. */
  expected_h: number | null
  short_h: number | null
  month_h: number
}

export interface Work {
  id: number
  adviser: string
  kind: WorkKind
  day: string
  minutes: number
  evidence: string
  entered_by: string
  entered_at: string
  voided_by: string
  voided_why: string
}

export interface WorkWish { adviser: string; kind: WorkKind; day: string; minutes: number; evidence: string }
export interface WorkList { village: string; entries: Work[] }

export interface Absence { adviser: string; name: string; day: string; starts_at: string; ends_at: string; excused: boolean; reason: string; excused_by: string }
export interface Absences { month: string; absences: Absence[]; unexcused: Record<string, number>; formula: string }

const id = encodeURIComponent

export const adviserApi = {
  hours: (signal?: AbortSignal) =>
    request<{ year: number; owed_h: number; villages: VillageHours[]; formula: string }>('GET', 'adviser-hours', undefined, signal),
  work: (village: string, signal?: AbortSignal) => request<WorkList>('GET', `villages/${id(village)}/adviser-work`, undefined, signal),
  enter: (village: string, wish: WorkWish) => request<WorkList>('POST', `villages/${id(village)}/adviser-work`, wish),
  absences: (month: string, signal?: AbortSignal) => request<Absences>('GET', `adviser-absences${month ? `?month=${month}` : ''}`, undefined, signal),
  excuse: (adviser: string, starts_at: string, reason: string) => request<Absences>('POST', 'adviser-absences', { adviser, starts_at, reason }),
  void: (entry: number, reason: string) => request<void>('POST', `adviser-work/${entry}/void`, { reason }),
}
