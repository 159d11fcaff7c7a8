import { describe, expect, test } from 'vitest'
import type { Figure } from '../src/api/statistics'
import { madeOf, seconds, share, tell } from '../src/figures/tell'

const figure = (value: number | null, numerator: number | null, denominator: number): Figure => ({ name: 'x', value, numerator, denominator })

describe('figures as text', () => {
  test('over nothing there is a dash, never a zero', () => {
    expect(share(null)).toBe('—')
    expect(seconds(null)).toBe('—')
    expect(tell(undefined, 'share')).toBe('—')
    expect(share(0)).toBe('0.0%')
    expect(share(1)).toBe('100%')
    expect(share(0.9999)).toBe('100.0%')
  })
  test('shares and seconds', () => {
    expect(share(15395 / 15875, 2)).toBe('96.98%')
    expect(share(110441 / 114939, 2)).toBe('96.09%')
    expect(seconds(9.46)).toBe('9.5 秒')
    expect(seconds(61)).toBe('1′01″')
    expect(tell(figure(0.5, 1, 2), 'share')).toBe('50.0%')
  })
  test('what it was made of', () => {
    expect(madeOf(figure(0.5, 7, 14), 'share')).toBe('7/14')
    expect(madeOf(figure(11, null, 14), 'seconds')).toBe('共 14 个接通')
    expect(madeOf(figure(9, 90, 10), 'seconds')).toBe('1′30″/10')
  })
})
