import { describe, expect, it } from 'vitest'
import { roomNow, type Invitation } from '../src/desk/room'

const rung: Invitation = { id: 7, who: 'station', state: 'ringing', problem: '', linked_id: 'b1-1.1', joined_at: null, film: '', film_problem: '' }

describe('a third side on the page', () => {
  it('shows what belongs to this call, and nothing of another', () => {
    expect(roomNow(null, 'b1-1.1', 0)).toEqual({ state: 'none', problem: '', opened: false, film: 'off', filmProblem: '' })
    expect(roomNow(rung, 'b1-1.1', 0).state).toBe('rings')
    expect(roomNow(rung, 'b1-2.2', 0).state).toBe('none')
    expect(roomNow({ ...rung, state: 'over', problem: 'late' }, 'b1-2.2', 0).problem).toBe('')
  })
  it('shows why nobody came also when no call was found for it', () => {
    expect(roomNow({ ...rung, state: 'over', problem: 'no_call', linked_id: '' }, 'b1-1.1', 7).problem).toBe('no_call')
  })
  it('knows that a room stays open when the third has left', () => {
    const joined = { ...rung, state: 'joined' as const, joined_at: '2026-11-26T22:00:00+08:00' }
    expect(roomNow(joined, 'b1-1.1', 0)).toEqual({ state: 'joined', problem: '', opened: true, film: 'off', filmProblem: '' })
    expect(roomNow({ ...joined, state: 'over' }, 'b1-1.1', 0)).toEqual({ state: 'none', problem: '', opened: true, film: 'off', filmProblem: '' })
  })
  it('shows that the picture is recorded, also when the third has left, and why it is not', () => {
    const joined = { ...rung, state: 'joined' as const, joined_at: '2026-11-26T22:00:00+08:00' }
    expect(roomNow({ ...rung, film: 'asked' }, 'b1-1.1', 0).film).toBe('told')
    expect(roomNow({ ...joined, film: 'on' }, 'b1-1.1', 0).film).toBe('on')
    expect(roomNow({ ...joined, state: 'over', film: 'on' }, 'b1-1.1', 0).film).toBe('on')
    expect(roomNow({ ...joined, film: 'over', film_problem: 'stopped' }, 'b1-1.1', 0)).toMatchObject({ film: 'off', filmProblem: 'stopped' })
    expect(roomNow({ ...rung, film: 'none', film_problem: 'no_space' }, 'b1-1.1', 0).filmProblem).toBe('no_space')
    expect(roomNow({ ...rung, state: 'over', problem: 'late', film: 'none' }, 'b1-1.1', 0).filmProblem).toBe('')
    expect(roomNow({ ...joined, film: 'on' }, 'b1-2.2', 0).film).toBe('off')
  })
})
