/** The knowledge base and the notices told in calls, field for field (OpenAPI at /api/openapi.json). */
import { request, withFilters, type Filters } from '../api/client'

export const ITEM_KINDS = ['bring', 'where', 'takes', 'note'] as const
export type ItemKind = (typeof ITEM_KINDS)[number]

export interface NoticeItem { code: string; kind: ItemKind; text: string; heard: string[] }
export interface ArticleHead {
  slug: string
  version: number
  category: string
  matter: string
  title: string
  sample: boolean
  retired: boolean
  has_notice: boolean
  excerpt: string
}
export interface ArticleBody {
  category: string
  matter: string
  title: string
  body: string
  statutes: string[]
  sample: boolean
  retired: boolean
  checklist: NoticeItem[]
}
export interface Article extends ArticleBody {
  slug: string
  version: number
  current: number
  versions: { version: number; written_by: string; written_at: string }[]
}
/** `by` null: neither heard nor decided; a person's word wins over the machine's. */
export interface ToldItem {
  code: string
  kind: ItemKind
  text: string
  told: boolean
  by: 'machine' | 'human' | null
  at_s: number | null
  decided_by: string
  decided_at: string | null
}
export interface CallChecklist {
  call: string
  slug: string
  version: number
  title: string
  taken_by: string
  taken_at: string
  items: ToldItem[]
}
type Told = { checklists: CallChecklist[] }

const id = encodeURIComponent

export const knowledgeApi = {
  list: (filters: Filters, signal?: AbortSignal) => request<{ articles: ArticleHead[] }>('GET', withFilters('knowledge', filters), undefined, signal),
  article: (slug: string, version?: number, signal?: AbortSignal) =>
    request<Article>('GET', withFilters(`knowledge/${id(slug)}`, { version }), undefined, signal),
  write: (slug: string, basis: number, body: ArticleBody) => request<Article>('PUT', `knowledge/${id(slug)}`, body, undefined, basis),
  ofCall: (call: string, signal?: AbortSignal) => request<Told>('GET', `calls/${id(call)}/checklists`, undefined, signal),
  ofOrder: (number: string, signal?: AbortSignal) => request<Told>('GET', `work-orders/${id(number)}/checklists`, undefined, signal),
  decide: (call: string, slug: string, items: Record<string, boolean | null>) =>
    request<Told>('PUT', `calls/${id(call)}/checklists/${id(slug)}`, { items }),
}
