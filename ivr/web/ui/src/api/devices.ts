/** Village video phones as the server sends them (OpenAPI at /api/openapi.json). */
import { request } from './client'

export type DeviceUse = 'used' | 'unused' | 'unusable'

export interface Device {
  device: string
  village: string
  village_name: string
  town: string
  helper: string
  adviser: string
  place: string
  model: string
  state: 'active' | 'blocked'
  use: DeviceUse
  since: string | null
  reason: string
  registered_at: string | null
  user_agent: string
  round_trip_ms: number | null
  last_call: string | null
  calls: number
  poor_line: boolean
}

export interface Media {
  medium: 'audio' | 'video'
  /** Share of packets lost, 0 to 1, the worse way. */
  loss: number
  jitter_ms: number
  round_trip_ms: number
  poor: boolean
}

export interface DeviceTown {
  town: string
  name: string
  devices: Device[]
  without: string[]
}

export interface DeviceList {
  towns: DeviceTown[]
  as_of: string | null
  stale: boolean
}

export interface DeviceHistory {
  device: string
  events: { at: string; kind: string; actor: string; reason: string }[]
  calls: { linked_id: string; arrived_at: string; outcome: string | null; ladder: string; order: string; media: Media[] }[]
}

export type DeviceAct = 'block' | 'unblock' | 'rotate'

const id = encodeURIComponent

export const deviceApi = {
  all: (signal?: AbortSignal) => request<DeviceList>('GET', 'devices', undefined, signal),
  history: (device: string, signal?: AbortSignal) => request<DeviceHistory>('GET', `devices/${id(device)}/history`, undefined, signal),
  act: (device: string, act: DeviceAct, reason: string) => request<DeviceList>('POST', `devices/${id(device)}/${act}`, { reason }),
}
