/** What is kept and until when, holds, and a case as an archive. */
import { Problem, request } from './client'

export interface DueKind { kind: string; title: string; days: number; due: number; first: string[] }
export interface Hold { id: number; order: string; call: string; reason: string; set_by: string; set_at: string; until: string }
export interface Proof { kind: string; object: string; call: string; sha256: string; bytes: number; born_at: string; deleted_at: string }
export interface Retention { next_run: string; kinds: DueKind[]; holds: Hold[]; proofs: Proof[] }

export const privacyApi = {
  retention: (signal?: AbortSignal) => request<Retention>('GET', 'retention?proofs=50', undefined, signal),
  hold: (order: string, reason: string, until: string) => request<void>('POST', 'holds', { order, reason, until }),
  lift: (id: number, reason: string) => request<void>('POST', `holds/${id}/lift`, { reason }),
}

/** The archive as the server streams it; there is no time limit, because recordings are long. */
export async function exportCase(order: string, reason: string): Promise<void> {
  const response = await fetch(`/api/v1/work-orders/${encodeURIComponent(order)}/case`, {
    method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ reason }),
  })
  if (!response.ok) {
    const told = (await response.json().catch(() => ({}))) as { code?: string; detail?: string }
    throw new Problem(response.status === 403 ? 'denied' : 'server', response.status, told.code ?? '', told.detail ?? '')
  }
  const address = URL.createObjectURL(await response.blob())
  const link = document.createElement('a')
  link.href = address
  link.download = `case-${order}.zip`
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}
