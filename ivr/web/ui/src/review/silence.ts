/**
 * Where nobody can be heard, by the peaks of both tracks and not by the transcript: what the recogniser missed is not skipped.
 */
import type { Peaks } from '../api/types'

export type Span = readonly [from: number, to: number]

/** Of a full swing: about −34 dB. A noisy line is never quiet, and then nothing is skipped. */
const QUIET = 0.02
/** Shorter pauses belong to the way people speak. */
const SHORTEST_S = 1.5
/** A silence is entered after a moment and left before its end, so that no word loses its edge. */
const LEAD_S = 0.3

export function silences(peaks: Pick<Peaks, 'caller' | 'operator'>, seconds: number): Span[] {
  const points = Math.max(peaks.caller.length, peaks.operator.length)
  const step = points ? seconds / points : 0
  const found: Span[] = []
  let from: number | null = null
  for (let n = 0; n <= points; n++) {
    const quiet = n < points && Math.max(peaks.caller[n] ?? 0, peaks.operator[n] ?? 0) < QUIET
    if (quiet) from ??= n * step
    else if (from !== null) {
      if (n * step - from >= SHORTEST_S) found.push([from, n * step])
      from = null
    }
  }
  return found
}

/** Where to go on from `t`; null when somebody is heard, or soon will be. */
export function afterSilence(spans: readonly Span[], t: number): number | null {
  const inside = spans.find(([from, to]) => from + LEAD_S <= t && t < to - 2 * LEAD_S)
  return inside ? inside[1] - LEAD_S : null
}
