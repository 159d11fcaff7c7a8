import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useTasks } from '../src/stores/tasks'
import { heldNow, type Task } from '../src/tasks/api'

const task = (given: Partial<Task>): Task => ({ id: 'callback-1', holder: '', ends_at: null, ...given }) as Task
const page = { tasks: [task({})], counts: { callback: 1, dissatisfied: 0, message: 0, decision: 0, free: 1, mine: 0 }, next: null }

describe('whose a task is', () => {
  const now = new Date('2026-11-26T10:00:00+08:00')
  it('is its holder’s until the time is over, also while the page looks on', () => {
    expect(heldNow(task({ holder: 'wang', ends_at: '2026-11-26T10:00:01+08:00' }), now)).toBe(true)
    expect(heldNow(task({ holder: 'wang', ends_at: '2026-11-26T10:00:00+08:00' }), now)).toBe(false)
    expect(heldNow(task({ holder: '', ends_at: null }), now)).toBe(false)
  })
})

describe('the list follows what happens', () => {
  const asked = vi.fn(() => Promise.resolve(new Response(JSON.stringify(page), { status: 200 })))
  beforeEach(() => { setActivePinia(createPinia()); vi.useFakeTimers(); asked.mockClear(); vi.stubGlobal('fetch', asked) })
  afterEach(() => { vi.useRealTimers(); vi.unstubAllGlobals() })

  it('reads at once for a task, and once for a swarm of orders', async () => {
    const tasks = useTasks()
    tasks.hear({ topic: 'task', value: { id: 'callback-1' } })
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toHaveBeenCalledTimes(1)
    expect(tasks.counts?.free).toBe(1)
    for (let n = 0; n < 50; n += 1) tasks.hear({ topic: 'order', value: {} as never })
    await vi.advanceTimersByTimeAsync(5000)
    expect(asked).toHaveBeenCalledTimes(2)
    tasks.hear({ topic: 'queue', value: {} as never })
    await vi.advanceTimersByTimeAsync(5000)
    expect(asked).toHaveBeenCalledTimes(2)
  })

  it('asks once more for what came while it was asking', async () => {
    const tasks = useTasks()
    void tasks.load()
    void tasks.load()
    void tasks.load()
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toHaveBeenCalledTimes(2)
  })
})
