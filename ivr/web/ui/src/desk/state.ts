/** The seat's state, told by the exchange alone; pure, so that every case can be tested. */
import type { Queue, QueueMember } from '../api/types'

export const DESK_STATES = ['available', 'ringing', 'talking', 'hold', 'wrapUp', 'paused', 'offline', 'unknown'] as const
export type DeskState = (typeof DESK_STATES)[number]

export interface SeatNow {
  state: DeskState
  /** Why it is paused, '' when it is not. */
  reason: string
}

export const WRAP_UP = 'wrap-up'
const BUSY: readonly string[] = ['ringing', 'talking', 'offline']

/** A seat is one telephone in several queues: whatever the telephone does counts before a pause, a pause before being free. */
export function seatNow(queues: readonly Queue[], member: string): SeatNow {
  const found = queues.flatMap((q): QueueMember[] => q.member_list.filter((m) => m.interface === member))
  const reason = found.find((m) => m.paused_reason)?.paused_reason ?? ''
  const busy = found.find((m) => BUSY.includes(m.state))
  if (!found.length) return { state: 'unknown', reason: '' }
  if (busy) return { state: busy.state === 'talking' && busy.held ? 'hold' : (busy.state as DeskState), reason }
  if (found.some((m) => m.state === 'paused')) return { state: reason === WRAP_UP ? 'wrapUp' : 'paused', reason }
  return { state: 'available', reason: '' }
}
