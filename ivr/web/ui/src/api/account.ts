/** The server's part of one's own account, field for field (OpenAPI at /api/openapi.json). */
import { request } from './client'

export type FactorState = 'off' | 'on' | 'missing'

export interface SecondFactor {
  state: FactorState
  required: boolean
  confirmed_at: string | null
  recovery_codes_left: number
}

export interface Enrolment {
  secret: string
  address: string
  picture: string[]
}

export interface OpenSession {
  id: number
  name: string
  display_name: string
  opened_at: string
  last_seen_at: string
  address: string
  agent: string
  mine: boolean
}

export interface User {
  name: string
  display_name: string
  roles: string[]
  disabled: boolean
  has_password: boolean
  second_factor_since: string | null
  last_seen_at: string | null
}

export type UserAct = 'reset' | 'disable' | 'enable'

type Sessions = { sessions: OpenSession[] }

export const accountApi = {
  factor: (signal?: AbortSignal) => request<SecondFactor>('GET', 'session/second-factor', undefined, signal),
  start: () => request<Enrolment>('POST', 'session/second-factor'),
  confirm: (code: string) => request<{ codes: string[] }>('POST', 'session/second-factor/confirmation', { code }),
  remove: (code: string) => request<void>('POST', 'session/second-factor/removal', { code }),
  mine: (signal?: AbortSignal) => request<Sessions>('GET', 'session/all', undefined, signal),
  endMine: (id: number) => request<void>('DELETE', `session/all/${id}`),
  everybodys: (signal?: AbortSignal) => request<Sessions>('GET', 'sessions', undefined, signal),
  users: (signal?: AbortSignal) => request<{ users: User[] }>('GET', 'users', undefined, signal),
  actOn: (name: string, act: UserAct, reason: string) =>
    act === 'reset'
      ? request<void>('POST', `users/${encodeURIComponent(name)}/second-factor-reset`, { reason })
      : request<void>('POST', `users/${encodeURIComponent(name)}/access`, { disabled: act === 'disable', reason }),
  revoke: (id: number, reason: string) => request<void>('POST', `sessions/${id}/revocation`, { reason }),
}
