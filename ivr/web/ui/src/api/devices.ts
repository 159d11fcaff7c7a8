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
  /** Whether somebody was shown its secret, or an address that stands for it; either happens once for each secret. */
  secret_shown: boolean
  user_agent: string
  round_trip_ms: number | null
  last_call: string | null
  calls: number
  poor_line: boolean
  fallbacks: string[]
  /** The whole truth about it in Chinese: used, could be used, or could not be since and because. */
  sentence: string
  /** Whether it answers a self-test by itself. */
  self_test: boolean
}

export interface DeviceTest {
  night: string
  /** '' for the nightly round. */
  asked_by: string
  ended_at: string
  outcome: string
  reason: string
  delay_ms: number | null
  level_db: number | null
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
  tests: DeviceTest[]
}

/** Shown once; qr is a data: URI of soft_client. */
export interface DeviceAddress {
  device: string
  address: string
  soft_client: string
  qr: string
  expires_at: string
  /** For the browser of a phone that has one. */
  idle_page: string
}

export type DeviceAct = 'block' | 'unblock' | 'rotate'

const id = encodeURIComponent

export const deviceApi = {
  all: (signal?: AbortSignal) => request<DeviceList>('GET', 'devices', undefined, signal),
  history: (device: string, signal?: AbortSignal) => request<DeviceHistory>('GET', `devices/${id(device)}/history`, undefined, signal),
  provision: (device: string, reason: string) => request<DeviceAddress>('POST', `devices/${id(device)}/provision`, { reason }),
  idlePage: (device: string) => request<{ device: string; address: string }>('GET', `devices/${id(device)}/idle-page`),
  test: (device: string, reason: string) => request<{ device: string; test: number }>('POST', `devices/${id(device)}/test`, { reason }),
  act: (device: string, act: DeviceAct, reason: string) => request<DeviceList>('POST', `devices/${id(device)}/${act}`, { reason }),
}
