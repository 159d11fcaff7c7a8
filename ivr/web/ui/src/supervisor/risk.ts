/** Words of risk as the server tells them, field for field (OpenAPI at /api/openapi.json). */
import { request } from '../api/client'

export interface RiskAlert {
  id: number
  linked_id: string
  order: string
  caller_number: string
  operator: string
  kind: string
  phrase: string
  words: string
  said: string
  at_s: number
  source: 'live' | 'transcript'
  raised_at: string
  decision: 'real' | 'false' | null
  decided_by: string
  decided_at: string | null
  reason: string
}

export interface RiskWord {
  kind: string
  phrase: string
  real: number
  false: number
  open: number
  in_force: boolean
}

export const riskApi = {
  list: (state: 'open' | 'all', signal?: AbortSignal) => request<{ alerts: RiskAlert[] }>('GET', `risks?state=${state}`, undefined, signal),
  decide: (alert: number, decision: 'real' | 'false', reason: string) => request<void>('POST', `risks/${alert}/decision`, { decision, reason }),
  words: (signal?: AbortSignal) => request<{ words: RiskWord[] }>('GET', 'risk-words', undefined, signal),
}
