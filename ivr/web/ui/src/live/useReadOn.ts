/** The pages after the first of a list: read one after the other, kept in order, nothing twice; a failure says so and may be tried again. */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { Problem } from '../api/client'

export interface Page<T> { rows: T[]; next: string | null }

export interface ReadOn<T> {
  rows: ShallowRef<T[]>
  /** Where the list goes on; null at its end. */
  next: Ref<string | null>
  busy: Ref<boolean>
  problem: ShallowRef<Problem | null>
  more: () => Promise<void>
}

/** `first` is the first page, read anew by its owner: each time the list begins again from it. */
export function useReadOn<T>(
  first: Readonly<Ref<Page<T> | null>>, key: (row: T) => string, read: (cursor: string) => Promise<Page<T>>,
): ReadOn<T> {
  const rows = shallowRef<T[]>([])
  const next = ref<string | null>(null)
  const busy = ref(false)
  const problem = shallowRef<Problem | null>(null)

  watch(first, (page) => {
    rows.value = page?.rows ?? []
    next.value = page?.next ?? null
    problem.value = null
  })

  async function more(): Promise<void> {
    const cursor = next.value
    if (!cursor || busy.value) return
    const onto = first.value
    busy.value = true
    try {
      const page = await read(cursor)
      if (first.value !== onto) return
      const known = new Set(rows.value.map(key))
      rows.value = [...rows.value, ...page.rows.filter((row) => !known.has(key(row)))]
      next.value = page.next
      problem.value = null
    } catch (error) {
      if (first.value !== onto) return
      problem.value = error instanceof Problem ? error : new Problem('server', 0, 'page', String(error))
    } finally {
      busy.value = false
    }
  }

  return { rows, next, busy, problem, more }
}
