/**
 * One recording played in the page. The audio is fetched only when someone presses play: each fetch is an audit row,
 * and looking at a call is not yet listening to it.
 */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { api } from '../api/client'
import { afterSilence, type Span } from './silence'

export type Track = 'both' | 'caller' | 'operator'
export interface Clip { linked_id: string; start_s: number; end_s: number }

export const RATES = [0.75, 1, 1.25, 1.5, 2] as const
export const STEP_S = 5
/** A clip starts and ends a little wide: a word cut at its edge cannot be understood. */
const CLIP_MARGIN_S = 0.25

export function usePlayer() {
  const media = document.createElement('audio')
  media.preload = 'none'
  media.dataset['testid'] = 'audio'
  document.body.append(media)

  const time = ref(0)
  const playing = ref(false)
  const failed = ref(false)
  const rate = ref<number>(1)
  const track = ref<Track>('both')
  const linkedId = ref('')
  const skipping = ref(false)
  const quiet = shallowRef<readonly Span[]>([])
  const clip = shallowRef<Clip | null>(null)
  let pending: number | null = null
  let frame = 0

  function point(): void {
    const address = api.audioAddress(linkedId.value, track.value)
    if (media.getAttribute('src') === address) return
    const at = time.value
    media.src = address
    media.defaultPlaybackRate = rate.value
    media.playbackRate = rate.value
    pending = at
  }

  /** Point at a call's recording, from its start, without fetching it. */
  function open(id: string): void {
    if (linkedId.value === id) return
    stop()
    linkedId.value = id
    time.value = 0
    media.removeAttribute('src')
  }

  function seek(seconds: number): void {
    const to = Math.max(0, seconds)
    time.value = to
    if (media.readyState >= HTMLMediaElement.HAVE_METADATA) media.currentTime = Math.min(to, media.duration || to)
    else pending = to
  }

  /** Go somewhere by the user's own hand: a clip being played no longer stops it. */
  function jump(seconds: number): void {
    clip.value = null
    seek(seconds)
  }

  async function play(): Promise<void> {
    if (!linkedId.value) return
    failed.value = false
    point()
    if (media.ended) seek(0)
    try {
      await media.play()
    } catch (error) {
      if ((error as DOMException).name !== 'AbortError') failed.value = true
    }
  }

  function stop(): void {
    media.pause()
    clip.value = null
  }

  const toggle = (): void => (playing.value ? media.pause() : void play())

  function playClip(wanted: Clip): void {
    const same = clip.value
    if (playing.value && same && same.linked_id === wanted.linked_id && same.start_s === wanted.start_s) return media.pause()
    open(wanted.linked_id)
    clip.value = wanted
    seek(wanted.start_s - CLIP_MARGIN_S)
    void play()
  }

  function chooseRate(chosen: number): void {
    rate.value = chosen
    media.defaultPlaybackRate = chosen
    media.playbackRate = chosen
  }

  function chooseTrack(chosen: Track): void {
    const was = playing.value
    track.value = chosen
    if (!media.getAttribute('src')) return
    point()
    if (was) void play()
  }

  function follow(): void {
    cancelAnimationFrame(frame)
    if (pending === null) time.value = media.currentTime
    const until = clip.value
    const onward = playing.value && skipping.value && !until ? afterSilence(quiet.value, time.value) : null
    if (onward !== null) seek(onward)
    if (until && time.value >= until.end_s + CLIP_MARGIN_S) return stop()
    if (playing.value) frame = requestAnimationFrame(follow)
  }

  media.addEventListener('loadedmetadata', () => {
    if (pending === null) return
    media.currentTime = Math.min(pending, media.duration || pending)
    pending = null
  })
  media.addEventListener('playing', () => { playing.value = true; follow() })
  media.addEventListener('pause', () => { playing.value = false; follow() })
  media.addEventListener('ended', () => { playing.value = false; clip.value = null })
  // A hidden tab gets no frames, but a clip must still end on its second.
  media.addEventListener('timeupdate', () => { if (playing.value && document.hidden) follow() })
  media.addEventListener('error', () => { if (media.getAttribute('src')) { failed.value = true; playing.value = false } })

  onScopeDispose(() => {
    cancelAnimationFrame(frame)
    media.pause()
    media.removeAttribute('src')
    media.remove()
  })

  return { time, playing, failed, rate, track, linkedId, clip, skipping, quiet, open, seek: jump, play, stop, toggle, playClip, chooseRate, chooseTrack }
}

export type Player = ReturnType<typeof usePlayer>
