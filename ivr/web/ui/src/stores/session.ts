import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, Problem, type Credentials } from '../api/client'
import type { User } from '../api/types'

/** Who is signed in on this PC; the cookie itself is never visible to scripts. */
export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  const asked = ref(false)
  /** Handlers and advisers: the server gives them their own orders, and nothing that is live. */
  const onlyOwn = computed(() => !!user.value?.roles.length && user.value.roles.every((role) => role === 'handler' || role === 'adviser'))

  /** Operators and supervisors may sit at a desk. */
  const mayOperate = computed(() => !!user.value?.roles.some((role) => role === 'operator' || role === 'supervisor'))

  /** Who listens to calls, and sets states for others. */
  const maySupervise = computed(() => !!user.value?.roles.includes('supervisor'))

  /** Who keeps the village phones in order; the server decides, this only hides a door that is closed. */
  const maySeeDevices = computed(() => !!user.value?.roles.some((role) => ['administrator', 'supervisor', 'dispatcher'].includes(role)))

  /** Who answers for a warning before it goes out. */
  const maySignWarnings = computed(() => !!user.value?.roles.some((role) => role === 'supervisor' || role === 'dispatcher'))

  /** Ask once; a server that does not answer throws, so that "signed out" is never guessed. */
  async function know(): Promise<User | null> {
    if (asked.value) return user.value
    try {
      user.value = (await api.session()).user
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== 'unauthenticated') throw error
      user.value = null
    }
    asked.value = true
    return user.value
  }

  async function signIn(credentials: Credentials): Promise<void> {
    user.value = (await api.signIn(credentials)).user
    asked.value = true
  }

  async function signOut(): Promise<void> {
    await api.signOut()
    forget()
  }

  function forget(): void {
    user.value = null
    asked.value = true
  }

  return { user, onlyOwn, mayOperate, maySupervise, maySeeDevices, maySignWarnings, know, signIn, signOut, forget }
})
