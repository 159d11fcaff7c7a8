import { describe, expect, it } from 'vitest'
import { roomNow, type Invitation } from '../src/desk/room'

const rung: Invitation = { id: 7, who: 'station', state: 'ringing', problem: '', linked_id: 'b1-1.1', joined_at: null }

describe('a third side on the page', () => {
  it('shows what belongs to this call, and nothing of another', () => {
    expect(roomNow(null, 'b1-1.1', 0)).toEqual({ state: 'none', problem: '', opened: false })
    expect(roomNow(rung, 'b1-1.1', 0).state).toBe('rings')
    expect(roomNow(rung, 'b1-2.2', 0).state).toBe('none')
    expect(roomNow({ ...rung, state: 'over', problem: 'late' }, 'b1-2.2', 0).problem).toBe('')
  })
  it('shows why nobody came also when no call was found for it', () => {
    expect(roomNow({ ...rung, state: 'over', problem: 'no_call', linked_id: '' }, 'b1-1.1', 7).problem).toBe('no_call')
  })
  it('knows that a room stays open when the third has left', () => {
    const joined = { ...rung, state: 'joined' as const, joined_at: '2026-11-26T22:00:00+08:00' }
    expect(roomNow(joined, 'b1-1.1', 0)).toEqual({ state: 'joined', problem: '', opened: true })
    expect(roomNow({ ...joined, state: 'over' }, 'b1-1.1', 0)).toEqual({ state: 'none', problem: '', opened: true })
  })
})
