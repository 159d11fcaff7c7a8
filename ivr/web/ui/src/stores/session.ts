import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, Problem, type Credentials, type SessionAnswer } from '../api/client'
import type { User } from '../api/types'

/** Who is signed in on this PC; the cookie itself is never visible to scripts. */
export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null)
  const asked = ref(false)
  /** The role needs a second factor that is not set up: the server serves nothing else before. */
  const mustEnrol = ref(false)
  /** A one-time ticket that waits for its code; kept here and nowhere else. */
  const ticket = ref('')
  /** Handlers and advisers: the server gives them their own orders, and nothing that is live. */
  const onlyOwn = computed(() => !!user.value?.roles.length && user.value.roles.every((role) => role === 'handler' || role === 'adviser'))

  /** Operators and supervisors may sit at a desk. */
  const mayOperate = computed(() => !!user.value?.roles.some((role) => role === 'operator' || role === 'supervisor'))

  /** Who sees what waits for people. */
  const seesTasks = computed(() => mayOperate.value || !!user.value?.roles.some((role) => ['dispatcher', 'administrator'].includes(role)))

  /** Everybody who works on orders; the server decides, this only hides a door that is closed. */
  const readsKnowledge = computed(() => !!user.value?.roles.some((role) => role !== 'auditor'))

  /** Who says who is on duty. */
  const keepsRoster = computed(() => !!user.value?.roles.some((role) => role === 'supervisor' || role === 'administrator'))

  /** Who listens to calls, and sets states for others. */
  const maySupervise = computed(() => !!user.value?.roles.includes('supervisor'))

  /** Who keeps the village phones in order; the server decides, this only hides a door that is closed. */
  const maySeeDevices = computed(() => !!user.value?.roles.some((role) => ['administrator', 'supervisor', 'dispatcher'].includes(role)))

  /** Who may end other people's sessions. */
  const mayEndSessions = computed(() => !!user.value?.roles.includes('administrator'))

  /** Who looks after what is kept and deleted, and has few other rooms. */
  const keepsRecords = computed(() => !!user.value?.roles.some((role) => role === 'administrator' || role === 'auditor'))

  /** Who answers for a warning before it goes out. */
  const maySignWarnings = computed(() => !!user.value?.roles.some((role) => role === 'supervisor' || role === 'dispatcher'))

  /** Ask once; a server that does not answer throws, so that "signed out" is never guessed. */
  async function know(): Promise<User | null> {
    if (asked.value) return user.value
    try {
      take(await api.session())
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== 'unauthenticated') throw error
      user.value = null
    }
    asked.value = true
    return user.value
  }

  function take(answer: SessionAnswer): void {
    user.value = answer.user
    mustEnrol.value = answer.second_factor === 'missing'
  }

  function enrolled(): void {
    mustEnrol.value = false
  }

  async function signIn(credentials: Credentials): Promise<void> {
    take(await api.signIn(credentials))
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

  return { user, onlyOwn, mayOperate, seesTasks, readsKnowledge, keepsRoster, maySupervise, maySeeDevices, maySignWarnings, mayEndSessions, keepsRecords, mustEnrol, ticket, enrolled, know, signIn, signOut, forget }
})
