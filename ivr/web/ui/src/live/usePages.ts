/** A list read page by page, whose shown rows follow the live stream while new rows wait to be asked for. */
import { computed, onScopeDispose, ref, shallowRef, triggerRef, watch } from 'vue'
import { Problem } from '../api/client'
import { useLive } from '../stores/live'
import { useLoaded } from './useLoaded'

export interface Page<T> { rows: T[]; next: string | null }

export function usePages<T>(options: {
  topic: 'call' | 'order'
  key: (row: T) => string
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>
}) {
  const live = useLive()
  const first = useLoaded((signal) => options.read(undefined, signal))
  const rows = shallowRef<T[]>([])
  const next = ref<string | null>(null)
  const unseen = ref(new Set<string>())
  const reachingBack = ref(false)
  const moreProblem = shallowRef<Problem | null>(null)

  watch(first.data, (page) => {
    rows.value = page?.rows ?? []
    next.value = page?.next ?? null
    unseen.value = new Set()
    moreProblem.value = null
  })

  async function more(): Promise<void> {
    const cursor = next.value
    if (!cursor || reachingBack.value) return
    const onto = first.data.value
    reachingBack.value = true
    try {
      const page = await options.read(cursor, new AbortController().signal)
      if (first.data.value !== onto) return
      const known = new Set(rows.value.map(options.key))
      rows.value = [...rows.value, ...page.rows.filter((row) => !known.has(options.key(row)))]
      next.value = page.next
      moreProblem.value = null
    } catch (error) {
      moreProblem.value = error instanceof Problem ? error : new Problem('server', 0, 'page', String(error))
    } finally {
      reachingBack.value = false
    }
  }

  watch(() => live.snapshots, (_, before) => { if (before > 0 && first.data.value) void first.load() })
  const stop = live.onChange((change) => {
    if (change.topic !== options.topic || !first.data.value) return
    const row = change.value as T
    const at = rows.value.findIndex((known) => options.key(known) === options.key(row))
    if (at >= 0) {
      rows.value[at] = row
      triggerRef(rows)
    } else if (!unseen.value.has(options.key(row))) {
      unseen.value = new Set(unseen.value).add(options.key(row))
    }
  })
  onScopeDispose(stop)

  return {
    rows, next, more, reachingBack, moreProblem,
    fresh: computed(() => unseen.value.size),
    problem: first.problem, loading: first.loading, readAt: first.readAt, known: computed(() => first.data.value !== null),
    load: first.load,
  }
}
