import { describe, expect, it } from 'vitest'
import type { OrderDetail, OrderField, Queue, QueueMember } from '../src/api/types'
import { seatNow } from '../src/desk/state'
import { editBody, shownValue, unsaved, valueSource } from '../src/desk/typed'

const ME = 'PJSIP/seat-web'
const member = (state: QueueMember['state'], reason = '', held = false): QueueMember =>
  ({ name: '张律师', interface: ME, state, paused_reason: reason, held })
const queue = (name: string, ...members: QueueMember[]): Queue => ({
  queue: name, title: name, waiting: 0, longest_wait_s: 0, members: { available: 0, ringing: 0, talking: 0, paused: 0, offline: 0 },
  member_list: [...members, { ...member('talking'), interface: 'PJSIP/seat-one' }], callers: [], stale: false, stale_since: null,
  as_of: '2026-11-26T08:00:00+08:00',
})

describe('the state of a seat', () => {
  it('is what the exchange says of this seat, and of no other', () => {
    expect(seatNow([queue('a', member('available'))], ME)).toEqual({ state: 'available', reason: '' })
    expect(seatNow([queue('a')], ME)).toEqual({ state: 'unknown', reason: '' })
    expect(seatNow([], ME)).toEqual({ state: 'unknown', reason: '' })
  })
  it('tells wrap-up from a pause, and says why it is paused', () => {
    expect(seatNow([queue('a', member('paused', 'wrap-up'))], ME)).toEqual({ state: 'wrapUp', reason: 'wrap-up' })
    expect(seatNow([queue('a', member('paused', 'meal'))], ME)).toEqual({ state: 'paused', reason: 'meal' })
  })
  it('puts the telephone before the pause, and the pause before being free', () => {
    expect(seatNow([queue('a', member('talking', 'meal')), queue('b', member('talking', 'meal'))], ME).state).toBe('talking')
    expect(seatNow([queue('a', member('talking', '', true))], ME).state).toBe('hold')
    expect(seatNow([queue('a', member('available')), queue('b', member('paused', 'wrap-up'))], ME).state).toBe('wrapUp')
    expect(seatNow([queue('a', member('paused', 'meal')), queue('b', member('offline', 'meal'))], ME).state).toBe('offline')
  })
})

const field = (name: OrderField['field'], value: string, source: OrderField['source'], ordinal = 0): OrderField =>
  ({ field: name, ordinal, value, display: value, source, rule: '', linked_id: '1', approximate: false, evidence: null })
const order = (...fields: OrderField[]): OrderDetail => ({ fields } as unknown as OrderDetail)

describe('what was typed', () => {
  it('is shown before anything stored, also when the machine fills the field later', () => {
    const typed = { caller_name: '马建华' }
    expect(shownValue(typed, null, 'caller_name')).toBe('马建华')
    const filled = order(field('caller_name', '马建国', 'machine'), field('amount', '500', 'machine'))
    expect(shownValue(typed, filled, 'caller_name')).toBe('马建华')
    expect(valueSource(typed, filled, 'caller_name')).toBe('human')
    expect(shownValue(typed, filled, 'amount')).toBe('500')
    expect(valueSource(typed, filled, 'amount')).toBe('machine')
  })
  it('stays empty when a person emptied it', () => {
    expect(shownValue({ caller_name: '' }, order(field('caller_name', '马建国', 'machine')), 'caller_name')).toBe('')
    expect(unsaved({ caller_name: '' }, order(field('caller_name', '马建国', 'machine')))).toEqual(['caller_name'])
    expect(unsaved({ caller_name: '' }, order())).toEqual([])
  })
  it('is written once, and written when it confirms what the machine heard', () => {
    expect(unsaved({ caller_name: '马建国' }, order(field('caller_name', '马建国', 'machine')))).toEqual(['caller_name'])
    expect(unsaved({ caller_name: '马建国' }, order(field('caller_name', '马建国', 'human')))).toEqual([])
    expect(unsaved({}, order(field('caller_name', '马建国', 'machine')))).toEqual([])
  })
  it('is sent as the server takes it', () => {
    expect(editBody({ amount: '500、 300,200', remark: ' 明天再来 ' }, ['amount', 'remark']))
      .toEqual({ amount: ['500', '300', '200'], remark: '明天再来' })
  })
})
