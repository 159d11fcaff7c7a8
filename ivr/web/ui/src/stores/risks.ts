/** Words of risk nobody has decided about yet, for every page of a supervisor. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import { Problem } from '../api/client'
import { riskApi, type RiskAlert } from '../supervisor/risk'

export const useRisks = defineStore('risks', () => {
  const open = shallowRef<RiskAlert[]>([])
  const failed = ref(false)
  /** Grows whenever something changed, for lists that show more. */
  const changes = ref(0)
  let reading: Promise<void> | null = null
  let again = false

  async function read(): Promise<void> {
    try {
      open.value = (await riskApi.list('open')).alerts
      failed.value = false
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      failed.value = true
    }
    changes.value += 1
  }

  /** What comes while the server is asked makes it be asked once more. */
  async function load(): Promise<void> {
    if (reading) { again = true; return reading }
    do {
      again = false
      reading = read()
      await reading
    } while (again)
    reading = null
  }

  return { open, failed, changes, load }
})
