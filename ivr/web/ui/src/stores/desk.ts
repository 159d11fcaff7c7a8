/** The operator's seat for the whole page: leaving the desk's room keeps the telephone, and a call that is up. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { Problem } from '../api/client'
import { deskApi, type Pause, type SeatAccess } from '../desk/api'
import { ring } from '../desk/level'
import type { Line, Softphone } from '../desk/softphone'
import { seatNow } from '../desk/state'
import { useLive } from './live'

const KEPT = 'ivr.desk.seat'
const QUIET: Line = { phase: 'none', linkedId: '', number: '', outgoing: false, held: false, muted: false, since: 0 }
/** Somebody who moved within this time works here, and the session goes on. */
const PRESENT_MS = 60_000

export const useDesk = defineStore('desk', () => {
  const live = useLive()
  const seat = shallowRef<SeatAccess | null>(null)
  const line = shallowRef<Line>(QUIET)
  /** The call the desk is about: the one that is up, and after it the one whose order is being finished. */
  const linkedId = ref('')
  const registered = ref(false)
  const trouble = ref('')
  const problem = shallowRef<Problem | null>(null)
  const busy = ref(false)
  const microphone = ref('')
  let phone: Softphone | null = null
  let beating: ReturnType<typeof setInterval> | undefined
  let stopRing: (() => void) | null = null
  let movedAt = 0
  let sound: HTMLAudioElement | null = null

  const now = computed(() => seatNow(live.queues, seat.value?.interface ?? ''))
  const moved = (): void => { movedAt = Date.now() }
  const constraints = (): MediaTrackConstraints | true =>
    microphone.value ? { deviceId: { exact: microphone.value } } : true

  function guard(event: BeforeUnloadEvent): void {
    if (line.value.phase === 'talking') event.preventDefault()
  }

  function tellLine(told: Line): void {
    line.value = told
    if (told.linkedId) linkedId.value = told.linkedId
    if (told.phase === 'ringing') stopRing ??= ring()
    else { stopRing?.(); stopRing = null }
  }

  function play(stream: MediaStream): void {
    sound ??= new Audio()
    sound.srcObject = stream
    void sound.play().catch(() => { trouble.value = 'sound' })
  }

  /** Take a seat and register its telephone; a Problem says why not. */
  async function take(name: string): Promise<void> {
    busy.value = true
    problem.value = null
    try {
      const access = await deskApi.take(name)
      const { Softphone } = await import('../desk/softphone')
      phone?.stop()
      seat.value = access
      keep(name)
      phone = new Softphone(access, constraints, {
        registered: (is, why) => { registered.value = is; trouble.value = is ? '' : why },
        line: tellLine,
        sound: play,
      })
      clearInterval(beating)
      beating = setInterval(() => void beat(), (access.lease_s / 3) * 1000)
      for (const event of ['pointerdown', 'keydown'] as const) window.addEventListener(event, moved)
      window.addEventListener('beforeunload', guard)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problem.value = error
    } finally {
      busy.value = false
    }
  }

  /** After a reload the same seat again, when it was not taken meanwhile. */
  async function again(): Promise<void> {
    const name = kept()
    if (!seat.value && name) await take(name)
  }

  async function beat(): Promise<void> {
    try {
      await deskApi.keep()
      if (line.value.phase !== 'none' || Date.now() - movedAt < PRESENT_MS) await deskApi.mine()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.code !== 'seat_lost') return // a server that is away for a moment takes nobody's seat
      problem.value = error
      drop()
    }
  }

  function drop(): void {
    phone?.stop()
    phone = null
    clearInterval(beating)
    for (const event of ['pointerdown', 'keydown'] as const) window.removeEventListener(event, moved)
    window.removeEventListener('beforeunload', guard)
    seat.value = null
    registered.value = false
    tellLine(QUIET)
    linkedId.value = ''
    keep('')
  }

  async function leave(): Promise<void> {
    if (!seat.value) return
    await deskApi.leave().catch((error: unknown) => { if (!(error instanceof Problem)) throw error })
    drop()
  }

  /** Resolves when the exchange has done it; what is shown changes when the exchange says so. */
  async function pause(reason: Pause | null): Promise<boolean> {
    busy.value = true
    problem.value = null
    try {
      await deskApi.pause(reason)
      return true
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problem.value = error
      return false
    } finally {
      busy.value = false
    }
  }

  function keep(name: string): void {
    try {
      if (name) sessionStorage.setItem(KEPT, name)
      else sessionStorage.removeItem(KEPT)
    } catch {
      // A browser that keeps nothing asks for the seat again after a reload.
    }
  }
  function kept(): string {
    try {
      return sessionStorage.getItem(KEPT) ?? ''
    } catch {
      return ''
    }
  }

  return {
    seat, line, linkedId, registered, trouble, problem, busy, microphone, now, take, again, leave, pause,
    answer: () => phone?.answer(),
    hangUp: () => phone?.hangUp(),
    hold: () => phone?.setHold(!line.value.held),
    mute: () => phone?.setMute(!line.value.muted),
    press: (keys: string) => phone?.press(keys),
    echo: () => phone?.echo(),
    forget: () => { if (line.value.phase === 'none') linkedId.value = '' },
  }
})
