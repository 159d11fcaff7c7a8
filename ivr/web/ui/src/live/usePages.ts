/** A list read page by page, whose shown rows follow the live stream while new rows wait to be asked for. */
import { computed, onScopeDispose, ref, triggerRef, watch } from 'vue'
import { useLive } from '../stores/live'
import { useLoaded } from './useLoaded'
import { useReadOn, type Page } from './useReadOn'

export function usePages<T>(options: {
  topic: 'call' | 'order'
  key: (row: T) => string
  read: (cursor: string | undefined, signal?: AbortSignal) => Promise<Page<T>>
}) {
  const live = useLive()
  const first = useLoaded((signal) => options.read(undefined, signal))
  const { rows, next, more, busy, problem: moreProblem } = useReadOn(first.data, options.key, (cursor) => options.read(cursor))
  const unseen = ref(new Set<string>())
  watch(first.data, () => { unseen.value = new Set() })

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
    rows, next, more, reachingBack: busy, moreProblem,
    fresh: computed(() => unseen.value.size),
    problem: first.problem, loading: first.loading, readAt: first.readAt, known: computed(() => first.data.value !== null),
    load: first.load,
  }
}
