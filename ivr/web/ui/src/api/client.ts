/** The one door to the server: same origin, cookie session, errors as typed problems (RFC 9457). */
import type { CountedCalls, Statistics, Wall } from './statistics'
import type {
  Call, CallDetail, CallDraft, Order, OrderCandidate, OrderDetail, OrderEditBody, OrderMoveBody, OrderTables, Peaks, Queue, User,
} from './types'

export type ProblemKind = 'unauthenticated' | 'denied' | 'not_found' | 'refused' | 'server' | 'network'

/** What went wrong, in a kind the pages have a designed state for; `status` 0 means no answer came at all. */
export class Problem extends Error {
  constructor(
    readonly kind: ProblemKind,
    readonly status: number,
    readonly code: string,
    readonly detail: string,
  ) {
    super(detail || code)
  }
}

const kindOf = (status: number): ProblemKind =>
  status === 401 ? 'unauthenticated'
  : status === 403 ? 'denied'
  : status === 404 ? 'not_found'
  : status >= 500 ? 'server'
  : 'refused'

const TIME_LIMIT_MS = 15_000
let onUnauthenticated: () => void = () => undefined

/** Called on every 401 but those of the session resource itself, which the login page handles. */
export function whenUnauthenticated(act: () => void): void {
  onUnauthenticated = act
}

/** The session is over, found out by other means than a request. */
export const signedOut = (): void => onUnauthenticated()

async function problemFrom(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null)
  const told = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const text = (key: string): string => (typeof told[key] === 'string' ? (told[key] as string) : '')
  return new Problem(kindOf(response.status), response.status, text('code'), text('detail') || text('title'))
}

export async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal, version?: number | string): Promise<T> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS)
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    headers: {
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(version === undefined ? {} : { 'If-Match': `"${version}"` }),
    },
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  }
  if (body !== undefined) init.body = JSON.stringify(body)
  let response: Response
  try {
    response = await fetch(`/api/v1/${path}`, init)
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Problem('network', 0, 'network', '')
  }
  if (!response.ok) {
    const problem = await problemFrom(response)
    if (problem.kind === 'unauthenticated' && path !== 'session') onUnauthenticated()
    throw problem
  }
  if (response.status === 204) return undefined as T
  try {
    return (await response.json()) as T
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Problem('server', response.status, 'unreadable', '')
  }
}

export type Credentials = ({ name: string; password: string } | { ticket: string }) & { code?: string }
export interface SessionAnswer { user: User; second_factor: 'off' | 'on' | 'missing' }
export type Filters = Readonly<Record<string, string | number | undefined>>

export function withFilters(path: string, filters: Filters): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(filters)) if (value !== undefined && value !== '') search.set(key, String(value))
  const text = search.toString()
  return text ? `${path}?${text}` : path
}

const id = encodeURIComponent
type Signal = AbortSignal | undefined

export const api = {
  session: () => request<SessionAnswer>('GET', 'session'),
  signIn: (credentials: Credentials) => request<SessionAnswer>('POST', 'session', credentials),
  signOut: () => request<void>('DELETE', 'session'),
  queues: (signal?: Signal) => request<{ queues: Queue[] }>('GET', 'queues', undefined, signal),
  calls: (filters: Filters, signal?: Signal) =>
    request<{ calls: Call[]; next: string | null }>('GET', withFilters('calls', filters), undefined, signal),
  call: (linkedId: string, signal?: Signal) => request<CallDetail>('GET', `calls/${id(linkedId)}`, undefined, signal),
  draft: (linkedId: string) => request<CallDraft>('GET', `calls/${id(linkedId)}/draft`),
  peaks: (linkedId: string, points: number, signal?: Signal) =>
    request<Peaks>('GET', `calls/${id(linkedId)}/peaks?points=${points}`, undefined, signal),
  orders: (filters: Filters, signal?: Signal) =>
    request<{ orders: Order[]; next: string | null }>('GET', withFilters('work-orders', filters), undefined, signal),
  order: (number: string, signal?: Signal) =>
    request<OrderDetail>('GET', `work-orders/${id(number)}`, undefined, signal),
  moveOrder: (order: Order, body: OrderMoveBody) =>
    request<OrderDetail>('POST', `work-orders/${id(order.number)}/moves`, body, undefined, order.version),
  editOrder: (order: Order, body: OrderEditBody) =>
    request<OrderDetail>('PATCH', `work-orders/${id(order.number)}`, body, undefined, order.version),
  orderTables: (version: string) => request<OrderTables>('GET', withFilters('order-tables', { version })),
  candidates: (number: string) =>
    request<{ candidates: OrderCandidate[] }>('GET', `work-orders/${id(number)}/candidates`),
  duplicates: (number: string) => request<{ orders: Order[] }>('GET', `work-orders/${id(number)}/duplicates`),
  statistics: (filters: Filters, signal?: Signal) =>
    request<Statistics>('GET', withFilters('statistics', filters), undefined, signal),
  countedCalls: (filters: Filters, signal?: Signal) =>
    request<CountedCalls>('GET', withFilters('statistics/calls', filters), undefined, signal),
  wall: (filters: Filters, signal?: Signal) => request<Wall>('GET', withFilters('statistics/wall', filters), undefined, signal),
  audioAddress: (linkedId: string, track: 'both' | 'caller' | 'operator'): string =>
    `/api/v1/calls/${id(linkedId)}/audio?track=${track}`,
  liveAddress: '/api/v1/live',
}
