/** Snapshot and changes applied to what the page knows; pure, so that order and bounds can be tested. */
import type { Alarm, Call, Order, Queue, Snapshot } from '../api/types'

export interface LiveView {
  queues: Map<string, Queue>
  calls: Map<string, Call>
  orders: Map<string, Order>
  alarms: Map<string, Alarm>
}

/** How many ended calls and orders a page keeps: a wall screen runs for weeks. */
export const KEPT_ENDED_CALLS = 60
export const KEPT_ORDERS = 60

export const emptyView = (): LiveView => ({ queues: new Map(), calls: new Map(), orders: new Map(), alarms: new Map() })

export function fromSnapshot(snapshot: Snapshot): LiveView {
  const view: LiveView = {
    queues: new Map(snapshot.queues.map((q) => [q.queue, q])),
    calls: new Map(snapshot.calls.map((c) => [c.linked_id, c])),
    orders: new Map(snapshot.orders.map((o) => [o.number, o])),
    alarms: new Map((snapshot.alarms ?? []).filter(standing).map((a) => [a.name, a])),
  }
  prune(view)
  return view
}

export type Change =
  | { topic: 'queue'; value: Queue }
  | { topic: 'call'; value: Call }
  | { topic: 'order'; value: Order }
  | { topic: 'alarm'; value: Alarm }
  | { topic: 'seat'; value: { seat: string } }
  | { topic: 'risk'; value: { id: number } }
  | { topic: 'task'; value: { id: string } }
  | { topic: 'roster'; value: { changed: string } }

const standing = (a: Alarm): boolean => a.active

export function applyChange(view: LiveView, change: Change): void {
  switch (change.topic) {
    case 'queue':
      view.queues.set(change.value.queue, change.value)
      return
    case 'call':
      view.calls.set(change.value.linked_id, change.value)
      break
    case 'order':
      view.orders.set(change.value.number, change.value)
      break
    case 'alarm':
      if (standing(change.value)) view.alarms.set(change.value.name, change.value)
      else view.alarms.delete(change.value.name)
      return
    case 'seat':
    case 'risk':
    case 'task':
    case 'roster':
      return // told to who asks for more, not shown as it is
  }
  prune(view)
}

const newestFirst = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0)
const instant = (iso: string): string => {
  const ms = Date.parse(iso)
  return Number.isNaN(ms) ? '' : new Date(ms).toISOString()
}

/** Calls in progress, the longest first: who has waited longest is on top. */
export const callsInProgress = (view: LiveView): Call[] =>
  [...view.calls.values()]
    .filter((c) => c.state !== 'ended')
    .sort((a, b) => newestFirst(instant(b.arrived_at), instant(a.arrived_at)))

export const callsEnded = (view: LiveView): Call[] =>
  [...view.calls.values()]
    .filter((c) => c.state === 'ended')
    .sort((a, b) => newestFirst(instant(a.arrived_at), instant(b.arrived_at)))

export const ordersNewest = (view: LiveView): Order[] =>
  [...view.orders.values()].sort((a, b) => newestFirst(instant(a.opened_at), instant(b.opened_at)))

function prune(view: LiveView): void {
  for (const call of callsEnded(view).slice(KEPT_ENDED_CALLS)) view.calls.delete(call.linked_id)
  for (const order of ordersNewest(view).slice(KEPT_ORDERS)) view.orders.delete(order.number)
}
