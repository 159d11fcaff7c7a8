import { nextTick, shallowRef } from 'vue'
import { describe, expect, it } from 'vitest'
import { Problem } from '../src/api/client'
import { useReadOn, type Page } from '../src/live/useReadOn'

const row = (n: number) => ({ id: `c${n}` })
const key = (one: { id: string }): string => one.id

describe('a list read page by page', () => {
  it('goes on where the page ended, keeps the order and shows nothing twice', async () => {
    const first = shallowRef<Page<{ id: string }> | null>(null)
    const asked: string[] = []
    const list = useReadOn(first, key, (cursor) => {
      asked.push(cursor)
      return Promise.resolve({ rows: [row(2), row(3)], next: null })
    })
    first.value = { rows: [row(1), row(2)], next: 'after-2' }
    await nextTick()
    await list.more()
    await list.more()
    expect(list.rows.value.map(key)).toEqual(['c1', 'c2', 'c3'])
    expect(asked).toEqual(['after-2'])
  })
  it('that fails says so, keeps its way on, and tries again', async () => {
    const first = shallowRef<Page<{ id: string }> | null>(null)
    let fails = true
    const list = useReadOn(first, key, () =>
      fails ? Promise.reject(new Problem('network', 0, '', 'away')) : Promise.resolve({ rows: [row(2)], next: null }))
    first.value = { rows: [row(1)], next: 'after-1' }
    await nextTick()
    await list.more()
    expect([list.problem.value?.kind, list.next.value]).toEqual(['network', 'after-1'])
    fails = false
    await list.more()
    expect([list.problem.value, list.rows.value.length]).toEqual([null, 2])
  })
  it('drops a page that belongs to the list of before', async () => {
    const first = shallowRef<Page<{ id: string }> | null>(null)
    let answer: (page: Page<{ id: string }>) => void = () => undefined
    const list = useReadOn(first, key, () => new Promise((done) => { answer = done }))
    first.value = { rows: [row(1)], next: 'after-1' }
    await nextTick()
    const waiting = list.more()
    first.value = { rows: [row(7)], next: null }
    await nextTick()
    answer({ rows: [row(2)], next: null })
    await waiting
    expect(list.rows.value.map(key)).toEqual(['c7'])
  })
})
