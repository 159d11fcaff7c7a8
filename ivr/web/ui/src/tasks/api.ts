/** Tasks as the server tells them, field for field (OpenAPI at /api/openapi.json). */
import { request, withFilters, type Filters } from '../api/client'

export const KINDS = ['callback', 'dissatisfied', 'message', 'decision'] as const
export const RESULTS = ['talked', 'handled', 'unreached', 'not_needed'] as const
export type TaskKind = (typeof KINDS)[number]
export type TaskResult = (typeof RESULTS)[number]

export interface Task {
  id: string
  kind: TaskKind
  state: 'planned' | 'calling' | 'open'
  since: string
  due_at: string | null
  not_before: string | null
  order: string
  confidential: boolean
  number: string
  queue: string
  attempts: number
  last_result: string
  asked: boolean
  call: string
  holder: string
  holder_name: string
  mine: boolean
  taken_at: string | null
  ends_at: string | null
  not_callable: string
  not_closable: string
}
export type TaskCounts = Record<TaskKind | 'free' | 'mine', number>
export interface TaskPage { tasks: Task[]; counts: TaskCounts; next: string | null }

const path = (id: string): string => `tasks/${encodeURIComponent(id)}`

export const tasksApi = {
  list: (filters: Filters, signal?: AbortSignal) => request<TaskPage>('GET', withFilters('tasks', filters), undefined, signal),
  take: (id: string) => request<void>('POST', `${path(id)}/holder`),
  giveBack: (id: string) => request<void>('DELETE', `${path(id)}/holder`),
  call: (id: string) => request<void>('POST', `${path(id)}/call`),
  finish: (id: string, result: TaskResult, note: string) => request<void>('POST', `${path(id)}/result`, { result, note }),
  callVillage: (number: string, device = '') => request<void>('POST', `work-orders/${encodeURIComponent(number)}/village-call`, { device }),
  callOrder: (number: string) => request<void>('POST', `work-orders/${encodeURIComponent(number)}/call`),
}

/** Whose a task is at this moment: what was taken ends by itself, also while the page looks at it. */
export const heldNow = (task: Task, now: Date): boolean => !!task.holder && !!task.ends_at && Date.parse(task.ends_at) > now.getTime()
