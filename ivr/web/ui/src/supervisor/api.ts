/** The server's part of the supervisors' room, field for field (OpenAPI at /api/openapi.json). */
import { request } from '../api/client'
import { PAUSES } from '../desk/api'

export const MODES = ['listen', 'whisper', 'barge', 'take_over'] as const
export type WatchMode = (typeof MODES)[number]
export const FORCED = ['ready', ...PAUSES, 'signed_out'] as const
export type Forced = (typeof FORCED)[number]

export interface SupervisedSeat {
  seat: string
  interface: string
  operator: string
  work_number: string
  queues: string[]
  page: boolean
  holder: string
  mine: boolean
}

export interface Watch {
  id: number
  mode: WatchMode
  seat: string
  phone: string
  watcher: string
  reason: string
  state: string
  problem: string
  linked_id: string
  asked_at: string
  begun_at: string | null
  over_at: string | null
}

export interface SeatMessage {
  id: number
  seat: string
  text: string
  sent_by: string
  sent_at: string
  seen_at: string | null
}

export interface Supervision {
  seats: SupervisedSeat[]
  watches: Watch[]
  over: Watch[]
  messages: SeatMessage[]
}

const seatPath = (seat: string): string => `supervision/seats/${encodeURIComponent(seat)}`

export const supervisionApi = {
  show: (signal?: AbortSignal) => request<Supervision>('GET', 'supervision', undefined, signal),
  watch: (seat: string, mode: WatchMode, reason: string, phone: string | null) =>
    request<Watch>('POST', 'supervision/watches', { seat, mode, reason, phone }),
  end: (watch: number) => request<void>('DELETE', `supervision/watches/${watch}`),
  force: (seat: string, state: Forced, reason: string) => request<void>('POST', `${seatPath(seat)}/state`, { state, reason }),
  send: (seat: string, text: string) => request<SeatMessage>('POST', `${seatPath(seat)}/messages`, { text }),
  mine: (signal?: AbortSignal) =>
    request<{ messages: SeatMessage[]; watches: Watch[] }>('GET', 'desk/messages', undefined, signal),
  seen: (message: number) => request<void>('DELETE', `desk/messages/${message}`),
}
