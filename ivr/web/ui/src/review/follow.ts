/** Which word is heard at a moment, and where the words lie: the arithmetic of reading along. */
import type { Segment } from '../api/types'

/** Below this a word is underlined: the recogniser itself was not sure. */
export const LOW_CONFIDENCE = 0.7

/** One word's place: segment and word index. */
export interface Place { segment: number; word: number }
interface Timed extends Place { start: number; end: number }

/** All words of all speakers by start time; a segment without words counts as one word (`word` −1). */
export function timeline(segments: readonly Segment[]): Timed[] {
  const words: Timed[] = []
  segments.forEach((s, segment) => {
    if (!s.words.length) words.push({ segment, word: -1, start: s.start_s, end: s.end_s })
    s.words.forEach((w, word) => words.push({ segment, word, start: w.start_s, end: w.end_s }))
  })
  return words.sort((a, b) => a.start - b.start || a.segment - b.segment)
}

/** Index of the last word that started at or before `t`, −1 before the first. */
function lastStarted(words: readonly Timed[], t: number): number {
  let low = 0
  let high = words.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((words[middle]?.start ?? Infinity) <= t) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** How long after its end a word stays lit: recognisers close words early, and a flicker helps nobody. */
const LINGER_S = 0.25

/** Words being spoken at `t`; two when both people talk at once, none in silence. */
export function spokenAt(words: readonly Timed[], t: number): Place[] {
  const found: Place[] = []
  const heard = new Set<number>()
  const last = lastStarted(words, t)
  for (let i = last; i >= 0 && i > last - 40; i--) {
    const w = words[i]
    if (!w || heard.has(w.segment)) continue
    heard.add(w.segment)
    if (t < w.end + LINGER_S) found.push({ segment: w.segment, word: w.word })
  }
  return found
}

/** Start of the previous (−1) or next (+1) word seen from `t`; null at either end. */
export function neighbour(words: readonly Timed[], t: number, step: -1 | 1): number | null {
  const at = lastStarted(words, t + 0.02)
  const here = words[at]
  const target = step === 1 ? at + 1 : here && t - here.start > 0.3 ? at : at - 1
  return words[target]?.start ?? null
}

/** Do a stretch of seconds and a word overlap? Used to show a field's evidence in the text. */
export const overlaps = (a: { start_s: number; end_s: number }, b: { start_s: number; end_s: number }): boolean =>
  a.start_s < b.end_s - 0.01 && b.start_s < a.end_s - 0.01
