/** Recorded pictures of rooms of three sides, field for field as the server tells them. */
import { request } from './client'

export interface Film {
  id: number
  linked_id: string
  media_type: string
  width: number
  height: number
  seconds: number
  size_bytes: number
  began_at: string
  told_at: string | null
  third_told: string
  third_told_at: string | null
  /** Why there is no file. */
  problem: string
  gone: boolean
}

export const filmApi = {
  ofOrder: (number: string, signal?: AbortSignal) =>
    request<{ films: Film[] }>('GET', `work-orders/${encodeURIComponent(number)}/films`, undefined, signal),
  address: (number: string, film: number) => `/api/v1/work-orders/${encodeURIComponent(number)}/films/${film}`,
}
