/** Quality review as the server tells it, field for field (OpenAPI at /api/openapi.json). */
import { request, withFilters, type Filters } from '../api/client'

export type ReviewState = 'open' | 'scored' | 'appealed' | 'decided'
export type Verdict = 'pass' | 'fail' | 'not_judged'

export interface Reason { rule: 'share' | 'dissatisfied' | 'long_silence' | 'chosen'; number: number; place: number; size: number; rating: number; seconds: number; by: string }
export interface ReviewRow {
  linked_id: string
  arrived_at: string
  operator: string
  operator_name: string
  seat: string
  talk_s: number | null
  rating: number | null
  reasons: Reason[]
  machine_score: number | null
  machine_fatal: boolean
  state: ReviewState
  score: number | null
  fatal: boolean
  scorer: string
  confidential: boolean
  order: string
}
export interface Criterion { code: string; title: string; kind: 'machine' | 'human'; check: string; weight: number; fatal: boolean }
export interface Card { version: string; title: string; criteria: Criterion[] }
export interface Finding { start_s: number; end_s: number; speaker: 'caller' | 'operator' | null; words: string }
export interface Span { start_s: number; end_s: number }
/** Another seat that talked with the caller; `operator` '' when nobody knows who sat there. */
export interface OtherSeat { seat: string; operator: string; operator_name: string; talked_s: number }
export interface Check {
  card_version: string
  score: number | null
  fatal: boolean
  checked_at: string
  results: Result[]
  measures: Record<string, number | null>
  holds: Span[]
  stretches: Span[]
  others: OtherSeat[]
}
export interface Result { code: string; verdict: Verdict; measured: number | null; why: string; findings: Finding[] }
export interface MarkLine { code: string; points: number | null; passed: boolean | null; by: 'machine' | 'human'; reason: string }
export interface Mark { round: number; card_version: string; scorer: string; score: number; fatal: boolean; note: string; scored_at: string; lines: MarkLine[] }
export interface Appeal { appellant: string; words: string; at: string; decision: 'kept' | 'changed' | null; decided_by: string; decided_at: string | null; reason: string }
export interface Review {
  call: ReviewRow
  card: Card | null
  check: Check | null
  marks: Mark[]
  appeal: Appeal | null
  own: boolean
  may_score: boolean
  may_appeal: boolean
  may_decide: boolean
}
export interface SheetLine { code: string; points?: number; passed?: boolean; reason?: string }

const path = (call: string): string => `quality/calls/${encodeURIComponent(call)}`

export const qualityApi = {
  list: (filters: Filters, signal?: AbortSignal) =>
    request<{ calls: ReviewRow[]; next: string | null; open: number; appealed: number }>('GET', withFilters('quality/calls', filters), undefined, signal),
  own: (filters: Filters, signal?: AbortSignal) =>
    request<{ calls: ReviewRow[]; next: string | null }>('GET', withFilters('quality/own', filters), undefined, signal),
  review: (call: string, signal?: AbortSignal) => request<Review>('GET', path(call), undefined, signal),
  score: (call: string, lines: SheetLine[], note: string) => request<void>('POST', `${path(call)}/marks`, { lines, note }),
  appeal: (call: string, words: string) => request<void>('POST', `${path(call)}/appeal`, { words }),
  decide: (call: string, decision: 'kept' | 'changed', reason: string, lines: SheetLine[]) =>
    request<void>('POST', `${path(call)}/appeal/decision`, { decision, reason, lines }),
}
