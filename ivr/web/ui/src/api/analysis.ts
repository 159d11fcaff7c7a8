/** Early warnings, forecasts and reports as the server sends them (OpenAPI at /api/openapi.json). */
import { request, withFilters, type Filters } from './client'

export interface Warning {
  id: number
  kind: 'category' | 'matter'
  place: string
  place_name: string
  code: string
  name: string
  day: string
  orders: number
  usual: number
  rise: number
  days: number
  level: 0 | 1 | 2 | 3
  level_name: string
  raised_at: string
  open: boolean
  decision: '' | 'confirmed' | 'dismissed'
  signed_level: number
  signed_by: string
  signed_at: string | null
  reason: string
}

export interface WarningList {
  warnings: Warning[]
  formula: string
  next: number | null
}

export type Decision = 'confirmed' | 'dismissed'

export interface ForecastSlot {
  start: string
  expected: number
  seats: number
  came: number | null
  seats_for_came: number | null
}

export interface Forecast {
  day: string
  formula: string
  handle_s: number
  days: string[]
  slots: ForecastSlot[]
  replayed: { day: string; expected: number; came: number }[]
  off_share: number | null
}

export const analysisApi = {
  warnings: (filters: Filters, signal?: AbortSignal) => request<WarningList>('GET', withFilters('warnings', filters), undefined, signal),
  sign: (warning: Warning, decision: Decision, reason: string) =>
    request<Warning>('POST', `warnings/${warning.id}/signature`, { level: warning.level, decision, reason }),
  forecast: (day: string, signal?: AbortSignal) => request<Forecast>('GET', withFilters('forecast', { day }), undefined, signal),
}

/** Where the browser fetches a report; the download is the browser's own, and audited. */
export const reportAddress = (month: string, kind: 'xlsx' | 'docx' | 'pdf'): string => `/api/v1/reports/month.${kind}?month=${encodeURIComponent(month)}`
