/** How a list of articles is laid out; pure, so that it can be tested. */
import type { ArticleHead, ItemKind, NoticeItem } from './api'
import { ITEM_KINDS } from './api'

export interface Group { title: string; articles: ArticleHead[] }

/** By category in the tables' order; what is about the matter at hand, or about what it is a part of, comes first and once. */
export function grouped(articles: readonly ArticleHead[], matter: string, categories: Readonly<Record<string, string>>, here: string): Group[] {
  const fits = (a: ArticleHead): boolean => !!matter && !!a.matter && (a.matter === matter || matter.startsWith(`${a.matter}.`))
  const groups: Group[] = [{ title: here, articles: articles.filter(fits) }]
  const rest = articles.filter((a) => !fits(a))
  for (const code of new Set([...Object.keys(categories), ...rest.map((a) => a.category)])) {
    groups.push({ title: categories[code] ?? code, articles: rest.filter((a) => a.category === code) })
  }
  return groups.filter((group) => group.articles.length)
}

export type KindWords = Readonly<Record<ItemKind, string>>

/** Items as an editor's lines: kind ｜ text ｜ words to listen for, parted by 、. */
export function linesOf(items: readonly NoticeItem[], words: KindWords): string {
  return items.map((item) => [words[item.kind], item.text, item.heard.join('、')].join(' ｜ ')).join('\n')
}

/** The lines read back; an item keeps its code while its text stays. A line that makes no sense is named by its number. */
export function itemsOf(lines: string, words: KindWords, before: readonly NoticeItem[]): { items: NoticeItem[]; wrong: number[] } {
  const items: NoticeItem[] = []
  const wrong: number[] = []
  const taken = new Set(before.map((item) => item.code))
  let next = 1
  const fresh = (): string => {
    while (taken.has(`item-${next}`)) next += 1
    taken.add(`item-${next}`)
    return `item-${next}`
  }
  lines.split('\n').forEach((line, n) => {
    if (!line.trim()) return
    const parts = line.split(/[|｜]/u).map((part) => part.trim())
    const [word = '', text = '', heard = ''] = parts
    const kind = ITEM_KINDS.find((one) => words[one] === word)
    if (!kind || !text || parts.length > 3) wrong.push(n + 1)
    else items.push({
      code: before.find((item) => item.text === text && !items.some((i) => i.code === item.code))?.code ?? fresh(),
      kind, text, heard: heard.split(/[、,，]/u).map((one) => one.trim()).filter(Boolean),
    })
  })
  return { items, wrong }
}
