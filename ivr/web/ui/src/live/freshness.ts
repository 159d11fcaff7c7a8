/** Is what the page shows true now? Decided from the stream alone, never guessed. */

/** The server says `clock` every 5 s; two missed and a little more, and the page calls itself stale. */
export const SILENCE_LIMIT_MS = 12_000
/** A stream this long silent is dead however open it looks (half-open TCP): it is opened anew. */
export const REOPEN_AFTER_MS = 25_000

export type Freshness =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'stale'; sinceMs: number; because: 'silence' | 'feed' | 'queue' }

export interface StreamFacts {
  /** Local time at which the last message of any kind came; null before the first. */
  heardMs: number | null
  /** Local time at which this page first tried to listen. */
  openedMs: number
  /** Server time minus local time. */
  skewMs: number
  /** Server time since which the server itself cannot read what happens; null while it can. */
  feedStaleMs: number | null
  /** Server times since which queues' own source is away (`stale_since`); empty when all is well. */
  queueStaleMs: readonly number[]
}

/** All results in server time, so that the page shows one clock. */
export function freshness(facts: StreamFacts, nowMs: number): Freshness {
  const heard = facts.heardMs
  if (heard === null) {
    return nowMs - facts.openedMs > SILENCE_LIMIT_MS
      ? { kind: 'stale', sinceMs: facts.openedMs + facts.skewMs, because: 'silence' }
      : { kind: 'connecting' }
  }
  if (nowMs - heard > SILENCE_LIMIT_MS) return { kind: 'stale', sinceMs: heard + facts.skewMs, because: 'silence' }
  if (facts.feedStaleMs !== null) return { kind: 'stale', sinceMs: facts.feedStaleMs, because: 'feed' }
  if (facts.queueStaleMs.length) return { kind: 'stale', sinceMs: Math.min(...facts.queueStaleMs), because: 'queue' }
  return { kind: 'live' }
}

/** The moment up to which waiting times may tick: now while live, else the moment the data stopped. */
export function ticksUntil(facts: StreamFacts, nowMs: number): number {
  const heard = facts.heardMs
  if (heard === null) return nowMs + facts.skewMs
  if (nowMs - heard > SILENCE_LIMIT_MS) return heard + facts.skewMs
  return facts.feedStaleMs ?? nowMs + facts.skewMs
}
