/**
 * What the operator typed into the order of a call, from the first ring on: the order itself is opened when the call ends.
 * Pure: the machine's values come and go beside it, and never replace it.
 */
import { FIELDS, type FieldName, type OrderDetail, type OrderEditBody } from '../api/types'

export type Typed = Partial<Record<FieldName, string>>
export const SEVERAL: readonly FieldName[] = ['amount', 'date']

/** An order, or what a call that goes on would make of one. */
export type Filled = Pick<OrderDetail, 'fields'>

export function savedValue(order: Filled | null, name: FieldName): string {
  if (!order) return ''
  return order.fields.filter((f) => f.field === name && f.value).sort((a, b) => a.ordinal - b.ordinal).map((f) => f.value).join('、')
}

/** What the form shows: a person's typing before anything that is stored. */
export const shownValue = (typed: Typed, order: Filled | null, name: FieldName): string =>
  typed[name] ?? savedValue(order, name)

/** Who a shown value is from; '' where there is none. */
export function valueSource(typed: Typed, order: Filled | null, name: FieldName): '' | 'machine' | 'human' {
  if (typed[name] !== undefined) return typed[name] ? 'human' : ''
  return order?.fields.find((f) => f.field === name && f.value)?.source ?? ''
}

/** What must be written to the order: only what was typed and is not stored as a person's already. */
export function unsaved(typed: Typed, order: OrderDetail | null): FieldName[] {
  return FIELDS.filter((name) => typed[name] !== undefined
    && !(typed[name] === savedValue(order, name) && (typed[name] === '' || valueSource({}, order, name) === 'human')))
}

export function editBody(typed: Typed, names: readonly FieldName[]): OrderEditBody {
  return Object.fromEntries(names.map((name) => {
    const text = (typed[name] ?? '').trim()
    return [name, SEVERAL.includes(name) ? text.split(/[、,，\s]+/u).filter(Boolean) : text]
  }))
}
