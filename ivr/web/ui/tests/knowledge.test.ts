/** Articles of the matter at hand come first; an editor's lines are read back as they were written. */
import { describe, expect, it } from 'vitest'
import type { ArticleHead, NoticeItem } from '../src/knowledge/api'
import { grouped, itemsOf, linesOf } from '../src/knowledge/groups'

const head = (slug: string, category: string, matter = ''): ArticleHead => ({
  slug, category, matter, title: slug, version: 1, sample: true, retired: false, has_notice: true, excerpt: '',
})
const ARTICLES = [head('wages', 'arbitration', 'labour'), head('injury', 'consultation', 'tort'), head('notary', 'notary'), head('odd', 'gone')]
const NAMES = { notary: '公证', consultation: '法律咨询', arbitration: '仲裁' }
const laidOut = (matter: string): string[][] => grouped(ARTICLES, matter, NAMES, '本案').map((g) => [g.title, ...g.articles.map((a) => a.slug)])

describe('the list', () => {
  it('goes by category in the order of the tables, unknown ones last', () => {
    expect(laidOut('')).toEqual([['公证', 'notary'], ['法律咨询', 'injury'], ['仲裁', 'wages'], ['gone', 'odd']])
  })
  it('has what is about this matter first, a part of a matter too, and once', () => {
    expect(laidOut('labour')[0]).toEqual(['本案', 'wages'])
    expect(laidOut('tort.traffic')).toEqual([['本案', 'injury'], ['公证', 'notary'], ['仲裁', 'wages'], ['gone', 'odd']])
    expect(laidOut('tortoise')[0]).toEqual(['公证', 'notary'])
  })
})

describe('the editor', () => {
  const words = { bring: '带', where: '到', takes: '多久', note: '提醒' }
  const items: NoticeItem[] = [
    { code: 'id', kind: 'bring', text: '身份证', heard: ['身份证', '对方…身份证'] }, { code: 'item-1', kind: 'note', text: '不收费', heard: [] },
  ]
  it('reads its own lines back', () => { expect(itemsOf(linesOf(items, words), words, items)).toEqual({ items, wrong: [] }) })
  it('keeps the code of what stays, and gives what is new one of its own', () => {
    expect(itemsOf('带 | 户口簿\n提醒｜不收费｜免费,自愿', words, items).items).toEqual([
      { code: 'item-2', kind: 'bring', text: '户口簿', heard: [] }, { code: 'item-1', kind: 'note', text: '不收费', heard: ['免费', '自愿'] },
    ])
    expect(itemsOf('带 | 一\n到 | 一', words, [{ code: 'a', kind: 'bring', text: '一', heard: [] }]).items.map((i) => i.code)).toEqual(['a', 'item-1'])
  })
  it('names the lines that make no sense', () => {
    expect(itemsOf('带 | 身份证\n\n买 | x\n提醒 | \n提醒 | x | y | z', words, []).wrong).toEqual([3, 4, 5])
  })
})
