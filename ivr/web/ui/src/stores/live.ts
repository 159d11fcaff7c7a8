/** One live stream for the whole page: what is true now, and whether that can be believed. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import { api, Problem, signedOut } from '../api/client'
import type { Alarm, Clock, Snapshot } from '../api/types'
import {
  applyChange, callsEnded, callsInProgress, emptyView, fromSnapshot, ordersNewest, type Change,
} from '../live/changes'
import { freshness, REOPEN_AFTER_MS, ticksUntil, type StreamFacts } from '../live/freshness'

const TOPICS = ['queue', 'call', 'order', 'alarm', 'seat', 'risk', 'task', 'roster'] as const

export const useLive = defineStore('live', () => {
  const view = shallowRef(emptyView())
  const known = ref(false)
  /** Why there is no stream, as far as the server says; null once there is. */
  const problem = shallowRef<Problem | null>(null)
  /** Grows with each snapshot: after a gap a list read before it must be read anew. */
  const snapshots = ref(0)
  const heardMs = ref<number | null>(null)
  const openedMs = ref(0)
  const skewMs = ref(0)
  /** Server time since which the server cannot read what happens; null while it can. */
  const feedStaleMs = ref<number | null>(null)
  /** Local time at which each queue was last told: its waits were true then, and tick from there. */
  const queueHeardMs = new Map<string, number>()
  const nowMs = ref(Date.now())
  const listeners = new Set<(change: Change) => void>()
  let source: EventSource | null = null
  let ticking: ReturnType<typeof setInterval> | undefined
  let reopening: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let openedThis = 0

  const queues = computed(() => [...view.value.queues.values()].sort((a, b) => a.queue.localeCompare(b.queue)))
  /** The name people know a queue by. */
  const queueTitle = (queue: string): string => view.value.queues.get(queue)?.title ?? queue
  const inProgress = computed(() => callsInProgress(view.value))
  const ended = computed(() => callsEnded(view.value))
  const orders = computed(() => ordersNewest(view.value))
  const alarms = computed(() => [...view.value.alarms.values()])

  const facts = computed<StreamFacts>(() => ({
    heardMs: heardMs.value,
    openedMs: openedMs.value,
    skewMs: skewMs.value,
    feedStaleMs: feedStaleMs.value,
    queueStaleMs: queues.value
      .filter((q) => q.stale)
      .map((q) => Date.parse(q.stale_since ?? q.as_of))
      .filter((ms) => !Number.isNaN(ms)),
  }))
  const fresh = computed(() => freshness(facts.value, nowMs.value))
  /** Server time up to which waiting times tick. */
  const tickMs = computed(() => ticksUntil(facts.value, nowMs.value))
  /** This PC's time, for what is only counted here. */
  const localMs = computed(() => nowMs.value)
  /** Server time now, for "today" in dates. */
  const now = computed(() => new Date(nowMs.value + skewMs.value))

  function heard(): void {
    heardMs.value = Date.now()
    nowMs.value = heardMs.value
    failures = 0
  }

  function read<T>(event: Event): T | null {
    heard()
    try {
      return JSON.parse((event as MessageEvent<string>).data) as T
    } catch {
      return null
    }
  }

  function listen(): void {
    source?.close()
    openedThis = Date.now()
    const stream = new EventSource(api.liveAddress)
    source = stream
    stream.addEventListener('snapshot', (event) => {
      const snapshot = read<Snapshot>(event)
      if (!snapshot) return
      // Alarms are not in a snapshot of every server: those still standing here stay until they are cleared.
      const standing = snapshot.alarms ? undefined : view.value.alarms
      view.value = fromSnapshot(snapshot)
      if (standing) view.value.alarms = standing
      for (const queue of snapshot.queues) queueHeardMs.set(queue.queue, Date.now())
      known.value = true
      problem.value = null
      snapshots.value += 1
    })
    stream.addEventListener('clock', (event) => {
      const told = read<Clock>(event)
      const now = Date.parse(told?.now ?? '')
      if (Number.isNaN(now)) return
      skewMs.value = now - Date.now()
      const asOf = Date.parse(told?.as_of ?? '')
      feedStaleMs.value = told?.fresh === false ? (Number.isNaN(asOf) ? (feedStaleMs.value ?? now) : asOf) : null
    })
    for (const topic of TOPICS) {
      stream.addEventListener(topic, (event) => {
        const value = read<Change['value']>(event)
        if (!value) return
        const change = { topic, value } as Change
        applyChange(view.value, change)
        if (change.topic === 'queue') queueHeardMs.set(change.value.queue, Date.now())
        triggerRef(view)
        for (const tell of listeners) tell(change)
      })
    }
    stream.onerror = () => {
      if (stream !== source || stream.readyState !== EventSource.CLOSED) return
      void refused()
    }
  }

  /** The browser gave up (an HTTP error, not a lost line): ask why, then try again with growing pauses. */
  async function refused(): Promise<void> {
    failures += 1
    try {
      await api.session()
      if (!known.value) await api.queues()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.kind === 'unauthenticated') return signedOut()
      problem.value = error
    }
    clearTimeout(reopening)
    const pause = Math.min(30_000, 1000 * 2 ** Math.min(failures, 5)) * (0.75 + Math.random() / 2)
    if (source) reopening = setTimeout(listen, pause)
  }

  function tick(): void {
    nowMs.value = Date.now()
    const silentSince = Math.max(heardMs.value ?? 0, openedThis)
    if (source && source.readyState !== EventSource.CLOSED && nowMs.value - silentSince > REOPEN_AFTER_MS) listen()
  }

  function open(): void {
    if (source) return
    openedMs.value = Date.now()
    listen()
    ticking = setInterval(tick, 500)
  }

  /** Also forgets everything shown: the next user starts from their own snapshot. */
  function close(): void {
    source?.close()
    source = null
    clearInterval(ticking)
    clearTimeout(reopening)
    view.value = emptyView()
    known.value = false
    problem.value = null
    heardMs.value = null
    feedStaleMs.value = null
    queueHeardMs.clear()
  }

  /** Seconds a waiting time has grown since this queue was last told; none while its source has stopped. */
  function grownS(queue: string, stale: boolean): number {
    const heard = queueHeardMs.get(queue)
    return stale || heard === undefined ? 0 : Math.max(0, (tickMs.value - skewMs.value - heard) / 1000)
  }

  /** The person's name behind a member's interface, as the queue knows it; the interface itself when it does not. */
  const memberNames = computed(() => new Map(queues.value.flatMap((q) => q.member_list.map((m) => [m.interface, m.name] as const))))
  const memberName = (member: string): string => memberNames.value.get(member) || member

  function dismiss(alarm: Alarm): void {
    view.value.alarms.delete(alarm.name)
    triggerRef(view)
  }

  /** Try now instead of at the next turn. */
  function retry(): void {
    clearTimeout(reopening)
    problem.value = null
    if (source) listen()
  }

  /** Be told of each change as it comes; returns the way to stop. */
  function onChange(tell: (change: Change) => void): () => void {
    listeners.add(tell)
    return () => listeners.delete(tell)
  }

  return { queues, queueTitle, inProgress, ended, orders, alarms, known, problem, snapshots, fresh, tickMs, now, localMs, open, close, retry, onChange, grownS, memberName, dismiss }
})
