/** One live stream for the whole page: what is true now, and whether that can be believed. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import { api, Problem } from '../api/client'
import type { Snapshot } from '../api/types'
import {
  applyChange, callsEnded, callsInProgress, emptyView, fromSnapshot, ordersNewest, type Change,
} from '../live/changes'
import { freshness, REOPEN_AFTER_MS, ticksUntil, type StreamFacts } from '../live/freshness'

const TOPICS = ['queue', 'call', 'order', 'alarm'] as const

export const useLive = defineStore('live', () => {
  const view = shallowRef(emptyView())
  const known = ref(false)
  const heardMs = ref<number | null>(null)
  const openedMs = ref(0)
  const skewMs = ref(0)
  const nowMs = ref(Date.now())
  const listeners = new Set<(change: Change) => void>()
  let source: EventSource | null = null
  let ticking: ReturnType<typeof setInterval> | undefined
  let reopening: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let openedThis = 0

  const queues = computed(() => [...view.value.queues.values()].sort((a, b) => a.queue.localeCompare(b.queue)))
  const inProgress = computed(() => callsInProgress(view.value))
  const ended = computed(() => callsEnded(view.value))
  const orders = computed(() => ordersNewest(view.value))
  const alarms = computed(() => [...view.value.alarms.values()])

  const facts = computed<StreamFacts>(() => ({
    heardMs: heardMs.value,
    openedMs: openedMs.value,
    skewMs: skewMs.value,
    staleSinceMs: queues.value
      .filter((q) => q.stale)
      .map((q) => Date.parse(q.stale_since ?? q.as_of))
      .filter((ms) => !Number.isNaN(ms)),
  }))
  const fresh = computed(() => freshness(facts.value, nowMs.value))
  /** Server time up to which waiting times tick. */
  const tickMs = computed(() => ticksUntil(facts.value, nowMs.value))
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
      view.value = fromSnapshot(snapshot)
      known.value = true
    })
    stream.addEventListener('clock', (event) => {
      const told = Date.parse(read<{ now: string }>(event)?.now ?? '')
      if (!Number.isNaN(told)) skewMs.value = told - Date.now()
    })
    for (const topic of TOPICS) {
      stream.addEventListener(topic, (event) => {
        const value = read<Change['value']>(event)
        if (!value) return
        const change = { topic, value } as Change
        applyChange(view.value, change)
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
      await api.queues()
    } catch (error) {
      if (error instanceof Problem && error.kind === 'unauthenticated') return
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
    heardMs.value = null
  }

  /** Be told of each change as it comes; returns the way to stop. */
  function onChange(tell: (change: Change) => void): () => void {
    listeners.add(tell)
    return () => listeners.delete(tell)
  }

  return { queues, inProgress, ended, orders, alarms, known, fresh, tickMs, now, open, close, onChange }
})
