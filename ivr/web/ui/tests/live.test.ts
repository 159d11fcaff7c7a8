import { describe, expect, it } from 'vitest'
import type { Call, Order, Queue } from '../src/api/types'
import {
  applyChange, callsEnded, callsInProgress, fromSnapshot, KEPT_ENDED_CALLS, KEPT_ORDERS, ordersNewest,
} from '../src/live/changes'
import { freshness, ticksUntil, type StreamFacts } from '../src/live/freshness'

const call = (linked_id: string, state: Call['state'], arrived_at: string): Call => ({
  linked_id, state, arrived_at, outcome: null, channel: 'hotline', caller_number: '', caller_name: '', called_number: '',
  queue: '', operator: '', queued_at: null, answered_at: null, ended_at: null, wait_s: null, talk_s: null, order: null,
})
const at = (second: number): string => new Date(Date.UTC(2026, 10, 24, 0, 0, second)).toISOString()
const order = (number: string, opened_at: string): Order => ({
  number, opened_at, due_at: null, state: 'draft', channel: 'hotline', outcome: '', category: { code: '', name: '' },
  matter: { code: '', name: '' }, caller_number: '', filled_at: null, note: '', version: 1, calls: [], table_version: '', owner: '', assigned_to: '',
  assigned_unit: '', card: '', urged: 0, returns: 0, extended: false, confidential: false, merged_into: '',
})
const empty = { queues: [], calls: [], orders: [] }

describe('freshness', () => {
  const facts: StreamFacts = { heardMs: 100_000, openedMs: 90_000, skewMs: 5_000, feedStaleMs: null, queueStaleMs: [] }
  it('is live while the clock comes', () => {
    expect(freshness(facts, 112_000)).toEqual({ kind: 'live' })
    expect(ticksUntil(facts, 112_000)).toBe(117_000)
  })
  it('stops, and stops counting, after twelve silent seconds', () => {
    expect(freshness(facts, 112_001)).toEqual({ kind: 'stale', sinceMs: 105_000, because: 'silence' })
    expect(ticksUntil(facts, 200_000)).toBe(105_000)
  })
  it('says what the server says of its own sources', () => {
    expect(freshness({ ...facts, queueStaleMs: [80_000, 70_000] }, 101_000)).toEqual({ kind: 'stale', sinceMs: 70_000, because: 'queue' })
    const away = { ...facts, feedStaleMs: 60_000, queueStaleMs: [70_000] }
    expect(freshness(away, 101_000)).toEqual({ kind: 'stale', sinceMs: 60_000, because: 'feed' })
    expect(ticksUntil(away, 101_000)).toBe(60_000)
  })
  it('connects first, and does not connect for ever', () => {
    expect(freshness({ ...facts, heardMs: null }, 91_000)).toEqual({ kind: 'connecting' })
    expect(freshness({ ...facts, heardMs: null }, 103_000).kind).toBe('stale')
  })
})

describe('changes', () => {
  it('replace what they name, and put who waits longest on top', () => {
    const view = fromSnapshot({ ...empty, calls: [call('b', 'queued', at(5)), call('a', 'arrived', at(9))] })
    applyChange(view, { topic: 'call', value: call('c', 'talking', at(1)) })
    expect(callsInProgress(view).map((c) => c.linked_id)).toEqual(['c', 'b', 'a'])
    applyChange(view, { topic: 'call', value: call('b', 'ended', at(5)) })
    expect(callsInProgress(view).map((c) => c.linked_id)).toEqual(['c', 'a'])
    expect(callsEnded(view).map((c) => c.linked_id)).toEqual(['b'])
  })
  it('compare instants, not texts: offsets differ', () => {
    const view = fromSnapshot({ ...empty, calls: [call('late', 'queued', '2026-11-24T08:00:01+08:00'), call('early', 'queued', at(0))] })
    expect(callsInProgress(view).map((c) => c.linked_id)).toEqual(['early', 'late'])
  })
  it('are bounded, but never at the cost of a call in progress', () => {
    const view = fromSnapshot(empty)
    applyChange(view, { topic: 'call', value: call('waiting', 'queued', at(0)) })
    for (let i = 1; i <= 500; i++) {
      applyChange(view, { topic: 'call', value: call(`e${i}`, 'ended', at(i)) })
      applyChange(view, { topic: 'order', value: order(`o${i}`, at(i)) })
    }
    expect(callsEnded(view)).toHaveLength(KEPT_ENDED_CALLS)
    expect(callsEnded(view)[0]?.linked_id).toBe('e500')
    expect(callsInProgress(view)).toHaveLength(1)
    expect(ordersNewest(view)).toHaveLength(KEPT_ORDERS)
  })
  it('keep an alarm until it is cleared, and a queue under its name', () => {
    const view = fromSnapshot(empty)
    applyChange(view, { topic: 'alarm', value: { name: 'disk', at: at(1), text: '磁盘将满', active: true } })
    expect(view.alarms.size).toBe(1)
    applyChange(view, { topic: 'alarm', value: { name: 'disk', at: at(2), text: '磁盘将满', active: false } })
    expect(view.alarms.size).toBe(0)
    applyChange(view, { topic: 'queue', value: { queue: '12348', waiting: 2 } as Queue })
    applyChange(view, { topic: 'queue', value: { queue: '12348', waiting: 3 } as Queue })
    expect([...view.queues.values()].map((q) => q.waiting)).toEqual([3])
  })
})
