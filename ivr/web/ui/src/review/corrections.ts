/** Corrected words of the call on the page; the dialogue's turns find them here. */
import type { InjectionKey, Ref } from 'vue'
import { request } from '../api/client'
import type { Speaker } from '../api/types'

export interface Correction {
  speaker: Speaker
  start_s: number
  heard: string
  corrected: string
  corrected_by: string
  corrected_at: string
}

export interface Term {
  term: string
  heard: string
  calls: number
  accepted: boolean | null
  decided_by: string
}

const path = (call: string): string => `calls/${encodeURIComponent(call)}/corrections`

export const correctionsApi = {
  list: (call: string, signal?: AbortSignal) => request<{ corrections: Correction[] }>('GET', path(call), undefined, signal),
  correct: (call: string, speaker: Speaker, start_s: number, reads: string, text: string) =>
    request<void>('POST', path(call), { speaker, start_s, reads, text }),
  terms: (signal?: AbortSignal) => request<{ terms: Term[] }>('GET', 'terms', undefined, signal),
  decide: (term: string, accepted: boolean) => request<void>('POST', 'terms', { term, accepted }),
}

/** A word's place, to the millisecond as the server tells it. */
export const placeOf = (speaker: string, startS: number): string => `${speaker}@${Math.round(startS * 1000)}`

export interface CorrectionDesk {
  known: Ref<ReadonlyMap<string, Correction>>
  may: Ref<boolean>
  /** Resolves to '' when it is done, else to why it was not. */
  correct: (speaker: Speaker, startS: number, reads: string, text: string) => Promise<string>
}
export const CORRECTIONS: InjectionKey<CorrectionDesk> = Symbol('corrections')
