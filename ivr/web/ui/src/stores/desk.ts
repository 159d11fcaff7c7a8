/** The operator's seat for the whole page: leaving the desk's room keeps the telephone, and a call that is up. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { Problem } from '../api/client'
import { deskApi, type Pause, type SeatAccess } from '../desk/api'
import { ring } from '../desk/level'
import type { Line, Softphone } from '../desk/softphone'
import { seatNow } from '../desk/state'
import { t } from '../text'
import { useLive } from './live'

const KEPT = 'ivr.desk.seat'
const CALL_KEPT = 'ivr.desk.call'
const QUIET: Line = { phase: 'none', linkedId: '', number: '', outgoing: false, held: false, muted: false, since: 0, third: false, video: false, camera: false, sharing: false }
/** Somebody who moved within this time works here, and the session goes on. */
const PRESENT_MS = 60_000
/** A page that was just reloaded lets go of the desk a moment later. */
const LOCK_WITHIN_MS = 3000
const nothing = (): void => undefined
/** The exchange rings a supervisor under this name; every citizen's call names itself. */
const isWatch = (line: Line): boolean => line.number === 'watch' && !line.linkedId && !line.outgoing
const WATCH_RINGS_MS = 20_000

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
  /** What is seen of the far end, and what it sees of the desk. */
  const far = shallowRef<MediaStream | null>(null)
  const own = shallowRef<MediaStream | null>(null)
  const cameraRefused = ref(false)
  const shareRefused = ref(false)
  /** Counts the key for a picture: what it means is the video panel's. */
  const pictureKey = ref(0)
  /** Three sides were joined in this call: the exchange takes no keys in a video room, and a hold would play music to it. */
  const inRoom = ref(false)
  /** A supervisor who just asked to be on a call is rung, and answers by having asked. */
  let expectsWatchUntil = 0
  let phone: Softphone | null = null
  let beating: ReturnType<typeof setInterval> | undefined
  let stopRing: (() => void) | null = null
  let movedAt = 0
  let freeWindow: () => void = nothing
  let sound: HTMLAudioElement | null = null

  const now = computed(() => seatNow(live.queues, seat.value?.interface ?? ''))
  const keyless = (): boolean => inRoom.value || line.value.third
  const moved = (): void => { movedAt = Date.now() }
  const constraints = (): MediaTrackConstraints | true =>
    microphone.value ? { deviceId: { exact: microphone.value } } : true

  function guard(event: BeforeUnloadEvent): void {
    if (line.value.phase === 'talking') event.preventDefault()
  }

  function tellLine(told: Line): void {
    line.value = told
    if (told.linkedId) { linkedId.value = told.linkedId; keep(CALL_KEPT, told.linkedId) }
    if (told.phase === 'ringing' && isWatch(told) && Date.now() < expectsWatchUntil) { expectsWatchUntil = 0; phone?.answer(); return }
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
      if (!await onlyWindow()) throw new Problem('refused', 409, 'other_window', t('desk.otherWindow'))
      const access = await deskApi.take(name)
      const { Softphone } = await import('../desk/softphone')
      phone?.stop()
      seat.value = access
      keep(KEPT, name)
      phone = new Softphone(access, constraints, {
        registered: (is, why) => { registered.value = is; trouble.value = is ? '' : why },
        line: tellLine,
        sound: play,
        picture: (theirs, ours) => { far.value = theirs; own.value = ours },
        card: () => [t('desk.cardTitle'), t('desk.cardText')],
      })
      clearInterval(beating)
      beating = setInterval(() => void beat(), (access.lease_s / 3) * 1000)
      for (const event of ['pointerdown', 'keydown'] as const) window.addEventListener(event, moved)
      window.addEventListener('beforeunload', guard)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problem.value = error
      if (!seat.value) freeWindow()
    } finally {
      busy.value = false
    }
  }

  /** One window of a browser has the desk: two telephones with one name would take each other's calls. */
  function onlyWindow(): Promise<boolean> {
    if (freeWindow !== nothing) return Promise.resolve(true)
    return new Promise((resolve) => {
      const held = new Promise<void>((free) => { freeWindow = () => { freeWindow = nothing; free() } })
      navigator.locks
        .request('ivr-desk', { signal: AbortSignal.timeout(LOCK_WITHIN_MS) }, () => { resolve(true); return held })
        .catch(() => { freeWindow = nothing; resolve(false) })
    })
  }

  /** After a reload the same seat again, when it was not taken meanwhile. */
  async function again(): Promise<void> {
    const name = kept(KEPT)
    if (seat.value || !name) return
    await take(name)
    if (seat.value && !linkedId.value) linkedId.value = kept(CALL_KEPT)
  }

  async function beat(): Promise<void> {
    try {
      await deskApi.keep()
      if (line.value.phase !== 'none' || Date.now() - movedAt < PRESENT_MS) await deskApi.mine()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.code === 'seat_lost' && seat.value) return sitAgain(seat.value.seat)
      // A server that is away for a moment takes nobody's seat; a call in progress is ended by nobody but its people.
      if (error.code !== 'seat_taken' || line.value.phase !== 'none') return
      problem.value = error
      drop()
    }
  }

  /** The server was away for longer than the lease: the seat is taken anew under a telephone that goes on. */
  async function sitAgain(name: string): Promise<void> {
    try {
      await deskApi.take(name)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.code !== 'seat_taken' || line.value.phase !== 'none') return
      problem.value = error
      drop()
    }
  }

  function drop(): void {
    freeWindow()
    phone?.stop()
    phone = null
    clearInterval(beating)
    for (const event of ['pointerdown', 'keydown'] as const) window.removeEventListener(event, moved)
    window.removeEventListener('beforeunload', guard)
    seat.value = null
    registered.value = false
    tellLine(QUIET)
    linkedId.value = ''
    keep(KEPT, '')
    keep(CALL_KEPT, '')
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

  /** Shows the operator to the far end, or the card again; a refused camera leaves the call by sound. */
  async function film(on: boolean): Promise<void> {
    cameraRefused.value = false
    try {
      await phone?.setCamera(on)
    } catch {
      cameraRefused.value = true
    }
  }

  /** Shows a window or the screen to the far end, or what was shown before; who chooses none leaves everything as it is. */
  async function share(on: boolean): Promise<void> {
    shareRefused.value = false
    try {
      await phone?.setSharing(on)
    } catch {
      shareRefused.value = true
    }
  }

  function keep(what: string, value: string): void {
    try {
      if (value) sessionStorage.setItem(what, value)
      else sessionStorage.removeItem(what)
    } catch {
      // A browser that keeps nothing asks for the seat again after a reload.
    }
  }
  function kept(what: string): string {
    try {
      return sessionStorage.getItem(what) ?? ''
    } catch {
      return ''
    }
  }

  return {
    seat, line, linkedId, registered, trouble, problem, busy, microphone, now, far, own, cameraRefused, shareRefused, pictureKey, inRoom, take, again, leave, pause,
    watching: computed(() => isWatch(line.value)),
    expectWatch: () => { expectsWatchUntil = Date.now() + WATCH_RINGS_MS },
    answer: () => phone?.answer(),
    film,
    share,
    picture: () => { pictureKey.value += 1 },
    hangUp: () => phone?.hangUp(),
    hold: () => { if (!keyless()) phone?.setHold(!line.value.held) },
    mute: () => phone?.setMute(!line.value.muted),
    press: (keys: string) => { if (!keyless()) phone?.press(keys) },
    /** The one key a video room takes, from the lawyer whose call it is. */
    pauseRecording: () => { if (!line.value.third) phone?.press('*8') },
    echo: () => phone?.echo(),
  }
})
