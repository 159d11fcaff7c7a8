/** A list or record read from the server: loading, shown, failed with nothing, or old with a failed refresh. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { Problem } from '../api/client'

export interface Loaded<T> {
  data: ShallowRef<T | null>
  problem: ShallowRef<Problem | null>
  loading: Ref<boolean>
  readAt: ShallowRef<Date | null>
  /**
   * Read anew; an answer overtaken by a later request is dropped, and whoever waited for it waits for the later one.
   * `forget` empties the page first.
   */
  load: (forget?: boolean) => Promise<void>
}

export function useLoaded<T>(read: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const data = shallowRef<T | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const readAt = shallowRef<Date | null>(null)
  const loading = ref(false)
  let running: AbortController | null = null
  let latest: Promise<void> = Promise.resolve()

  function load(forget = false): Promise<void> {
    latest = readAnew(forget)
    return latest
  }

  async function readAnew(forget: boolean): Promise<void> {
    running?.abort()
    const mine = new AbortController()
    running = mine
    loading.value = true
    if (forget) {
      data.value = null
      problem.value = null
    }
    try {
      const answer = await read(mine.signal)
      if (running !== mine) return latest
      data.value = answer
      problem.value = null
      readAt.value = new Date()
    } catch (error) {
      if (running !== mine) return latest
      problem.value = error instanceof Problem ? error : new Problem('server', 0, 'page', String(error))
      // What may not be seen, or is gone, must not stay on the screen.
      if (problem.value.kind === 'denied' || problem.value.kind === 'not_found') data.value = null
    } finally {
      if (running === mine) loading.value = false
    }
  }

  onScopeDispose(() => running?.abort())
  return { data, problem, loading, readAt, load }
}
