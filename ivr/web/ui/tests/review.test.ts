import { describe, expect, it } from 'vitest'
import type { Segment } from '../src/api/types'
import { neighbour, overlaps, spokenAt, timeline } from '../src/review/follow'
import { afterSilence, silences } from '../src/review/silence'
import { en } from '../src/text/en'
import { printable } from '../src/text/printable'
import { zh } from '../src/text/zh'

const turn = (speaker: Segment['speaker'], ...words: [string, number, number][]): Segment => ({
  speaker, start_s: words[0]?.[1] ?? 0, end_s: words.at(-1)?.[2] ?? 0, text: words.map(([w]) => w).join(''), confidence: 1,
  words: words.map(([text, start_s, end_s]) => ({ text, start_s, end_s, confidence: 1 })),
})

describe('silences', () => {
  const peaks = (caller: string, operator: string) => {
    const of = (text: string) => [...text].map((c) => (c === '.' ? 0.01 : 0.5))
    return { caller: of(caller), operator: of(operator) }
  }
  const spans = silences(peaks('##......####..##....', '#.....##....########'), 20)
  it('are where neither track is loud, for longer than people pause', () => {
    expect(spans).toEqual([[2, 6]])
    expect(silences(peaks('....', '....'), 4)).toEqual([[0, 4]])
    expect(silences({ caller: [], operator: [] }, 9)).toEqual([])
  })
  it('are left before the next word, once', () => {
    expect(afterSilence(spans, 2.1)).toBeNull()
    const onward = afterSilence(spans, 3)
    expect(onward).toBeCloseTo(5.7)
    expect(afterSilence(spans, onward ?? 0)).toBeNull()
    expect(afterSilence(spans, 7)).toBeNull()
  })
})

describe('reading along', () => {
  const words = timeline([turn('caller', ['你好', 1, 1.4], ['我', 1.5, 1.6]), turn('operator', ['请', 1.55, 1.8], ['讲', 4, 4.2])])
  it('lights the word being heard', () => {
    expect(spokenAt(words, 0.5)).toEqual([])
    expect(spokenAt(words, 1.2)).toEqual([{ segment: 0, word: 0 }])
    expect(spokenAt(words, 4.1)).toEqual([{ segment: 1, word: 1 }])
  })
  it('lights both when both speak, none in a silence', () => {
    expect(spokenAt(words, 1.58)).toEqual([{ segment: 1, word: 0 }, { segment: 0, word: 1 }])
    expect(spokenAt(words, 3)).toEqual([])
    expect(spokenAt([], 3)).toEqual([])
  })
  it('steps from word to word and stops at the ends', () => {
    expect(neighbour(words, 1, 1)).toBe(1.5)
    expect(neighbour(words, 1.4, -1)).toBe(1)
    expect(neighbour(words, 1.5, -1)).toBe(1)
    expect(neighbour(words, 0, -1)).toBeNull()
    expect(neighbour(words, 4.1, 1)).toBeNull()
  })
  it('takes a turn without words as one', () => {
    const silent = { ...turn('caller'), start_s: 2, end_s: 3, text: '嗯' }
    expect(spokenAt(timeline([silent]), 2.5)).toEqual([{ segment: 0, word: -1 }])
  })
  it('finds the words of an evidence', () => {
    expect(overlaps({ start_s: 1, end_s: 1.4 }, { start_s: 1.4, end_s: 2 })).toBe(false)
    expect(overlaps({ start_s: 1, end_s: 1.4 }, { start_s: 1.2, end_s: 2 })).toBe(true)
  })
})

describe('text from outside', () => {
  it('shows markup as it is and what cannot be seen by its code', () => {
    expect(printable('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>')
    expect(printable('a\u202eb\u0000\u200bc')).toBe('a⟨202E⟩b⟨0000⟩⟨200B⟩c')
    expect(printable(null)).toBe('')
  })
})

describe('the two languages', () => {
  it('say the same things with the same blanks', () => {
    const blanks = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort()
    for (const key of Object.keys(zh) as (keyof typeof zh)[]) expect([key, blanks(en[key])]).toEqual([key, blanks(zh[key])])
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
  })
  it('keep Latin letters out of the Chinese pages, keys of the keyboard and names apart', () => {
    const strange = Object.entries(zh).filter(([key, text]) => /[A-Za-z]{2,}/.test(text.replace(/\{\w+\}/g, '')) && key !== 'nav.otherLanguage')
    expect(strange).toEqual([])
  })
})
