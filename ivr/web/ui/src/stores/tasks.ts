/** What waits for a person, for every page of who may take it: the first of them, and how many there are. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import { Problem } from '../api/client'
import { tasksApi, type Task, type TaskCounts } from '../tasks/api'
import type { Change } from '../live/changes'

const SHOWN = 50
/** Orders and calls come in swarms, and one reading tells what all of them made of the list. */
const GATHER_MS = 800

export const useTasks = defineStore('tasks', () => {
  const open = shallowRef<Task[]>([])
  const counts = shallowRef<TaskCounts | null>(null)
  const problem = shallowRef<Problem | null>(null)
  /** Grows with each reading, for lists that show more. */
  const changes = ref(0)
  let reading: Promise<void> | null = null
  let again = false
  let gathering: ReturnType<typeof setTimeout> | undefined

  async function read(): Promise<void> {
    try {
      const told = await tasksApi.list({ limit: SHOWN })
      open.value = told.tasks
      counts.value = told.counts
      problem.value = null
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problem.value = error
    }
    changes.value += 1
  }

  /** What comes while the server is asked makes it be asked once more. */
  async function load(): Promise<void> {
    if (reading) { again = true; return reading }
    const all = async (): Promise<void> => {
      do {
        again = false
        await read()
      } while (again)
    }
    reading = all().finally(() => { reading = null })
    return reading
  }

  /** A task's own change is read at once; orders and calls may have made or ended one. */
  function hear(change: Change): void {
    if (change.topic === 'task') { void load(); return }
    if (change.topic !== 'order' && !(change.topic === 'call' && change.value.state !== 'queued')) return
    gathering ??= setTimeout(() => { gathering = undefined; void load() }, GATHER_MS)
  }

  return { open, counts, problem, changes, load, hear }
})
