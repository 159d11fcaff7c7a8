/** The server's part of a desk, field for field (OpenAPI at /api/openapi.json). */
import { request } from '../api/client'

export const PAUSES = ['break', 'meal', 'training', 'meeting'] as const
export type Pause = (typeof PAUSES)[number]

export interface Seat {
  seat: string
  interface: string
  operator: string
  work_number: string
  queues: string[]
  holder: string
  mine: boolean
}

/** How this page's telephone registers; told to the lease's own session only. */
export interface SeatAccess {
  seat: string
  interface: string
  operator: string
  work_number: string
  queues: string[]
  user: string
  secret: string
  host: string
  websocket: string
  ice_servers: string[]
  wrap_up_s: number
  lease_s: number
  fresh: boolean
}

export const deskApi = {
  seats: (signal?: AbortSignal) => request<{ seats: Seat[] }>('GET', 'desk/seats', undefined, signal),
  mine: () => request<{ seat: string }>('GET', 'desk/seat'),
  take: (seat: string) => request<SeatAccess>('POST', 'desk/seat', { seat }),
  keep: () => request<void>('PUT', 'desk/seat'),
  leave: () => request<void>('DELETE', 'desk/seat'),
  pause: (pause: Pause | null) => request<void>('POST', 'desk/state', { pause }),
}
