/** The server's part of a third side, field for field, and what of it this page shows. */
import { request } from '../api/client'

export interface Third {
  who: string
  title: string
  /** A mediator's own telephone; empty for all others. */
  phone: string
}

export interface Invitation {
  id: number
  who: string
  state: 'waiting' | 'calling' | 'ringing' | 'joined' | 'ending' | 'over'
  problem: string
  linked_id: string
  joined_at: string | null
  /** Empty where the office records no pictures. */
  film: '' | 'none' | 'asked' | 'on' | 'stopping' | 'over'
  film_problem: string
}

export const roomApi = {
  show: (signal?: AbortSignal) => request<{ thirds: Third[]; last: Invitation | null }>('GET', 'desk/room', undefined, signal),
  invite: (who: string) => request<Invitation>('POST', 'desk/room', { who }),
  dismiss: () => request<void>('DELETE', 'desk/room'),
  stopFilm: () => request<void>('DELETE', 'desk/room/film'),
}

export interface RoomNow {
  state: 'none' | 'rings' | 'joined' | 'ending'
  /** Why nobody came, of this call's invitation or the one this page asked for. */
  problem: string
  /** Three were joined in this call: keys of transfer and hold work no more in it. */
  opened: boolean
  /** Whether the room's picture is being recorded, also when the third has left again. */
  film: 'off' | 'told' | 'on' | 'stopping'
  /** Why it is not, or no longer. */
  filmProblem: string
}

function filmOf(last: Invitation, opened: boolean): Pick<RoomNow, 'film' | 'filmProblem'> {
  if (last.film === 'on' || last.film === 'stopping') return { film: last.film, filmProblem: '' }
  if (last.film === 'asked') return { film: opened || last.state !== 'over' ? 'told' : 'off', filmProblem: '' }
  return { film: 'off', filmProblem: opened || last.state !== 'over' ? last.film_problem : '' }
}

/** `asked` is the invitation this page asked for; one that never found a call names none. */
export function roomNow(last: Invitation | null, linkedId: string, asked: number): RoomNow {
  if (!last || (last.id !== asked && last.linked_id !== linkedId)) return { state: 'none', problem: '', opened: false, film: 'off', filmProblem: '' }
  const opened = last.joined_at !== null && last.linked_id === linkedId
  if (last.state === 'over') return { state: 'none', problem: last.problem, opened, ...filmOf(last, opened) }
  return { state: last.state === 'joined' || last.state === 'ending' ? last.state : 'rings', problem: '', opened, ...filmOf(last, opened) }
}
