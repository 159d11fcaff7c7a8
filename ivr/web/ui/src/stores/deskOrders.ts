/**
 * The orders of the calls taken at this desk. What is typed during a call is kept here, on this PC, and written into the
 * order as soon as there is one: the machine's filling comes later, and leaves what a person wrote alone.
 */
import { defineStore } from 'pinia'
import { reactive, ref } from 'vue'
import { api, Problem } from '../api/client'
import type { FieldName, OrderDetail, OrderField, OrderMoveBody } from '../api/types'
import { editBody, unsaved, type Typed } from '../desk/typed'
import { useLive } from './live'

const KEPT = 'ivr.desk.typed'
const MOST_CALLS = 20
const TRIES = 4

export const useDeskOrders = defineStore('deskOrders', () => {
  const live = useLive()
  const typed = reactive<Record<string, Typed>>(remembered())
  const orders = reactive<Record<string, OrderDetail>>({})
  /** What the machine would fill in, of calls that go on; gone as soon as there is an order. */
  const drafted = reactive<Record<string, OrderField[]>>({})
  const asking = new Map<string, boolean>()
  const saving = ref(false)
  const problem = ref<Problem | null>(null)
  let work: Promise<void> = Promise.resolve()

  const wanted = (linkedId: string): boolean => linkedId in typed

  /** Follow this call's order, and whatever is typed for it. */
  function begin(linkedId: string): void {
    if (!linkedId) return
    typed[linkedId] ??= {}
    const ids = Object.keys(typed)
    for (const old of ids.slice(0, Math.max(0, ids.length - MOST_CALLS))) { delete typed[old]; delete orders[old]; delete drafted[old] }
    const known = live.orders.find((o) => o.calls.includes(linkedId))
    if (known) queue(linkedId, () => refresh(linkedId, known.number))
  }

  live.onChange((change) => {
    if (change.topic !== 'order') return
    for (const linkedId of change.value.calls.filter(wanted)) {
      if (orders[linkedId]?.version !== change.value.version) queue(linkedId, () => refresh(linkedId, change.value.number))
    }
  })

  /** Something new was heard. One request at a time; what is heard meanwhile is asked for once more at its end. */
  async function hear(linkedId: string): Promise<void> {
    if (!wanted(linkedId) || orders[linkedId]) return
    if (asking.has(linkedId)) { asking.set(linkedId, true); return }
    do {
      asking.set(linkedId, false)
      try {
        const { fields } = await api.draft(linkedId)
        if (wanted(linkedId)) drafted[linkedId] = fields
      } catch (error) {
        if (!(error instanceof Problem)) throw error // the form stays as it is, and people type
      }
    } while (asking.get(linkedId))
    asking.delete(linkedId)
  }

  function type(linkedId: string, name: FieldName, value: string): void {
    (typed[linkedId] ??= {})[name] = value
    remember()
  }

  /** Write what was typed; resolves when it is stored or when `problem` says why not. */
  const save = (linkedId: string): Promise<void> => queue(linkedId, () => Promise.resolve())

  /** One thing after the other: each with the order's newest version, and what was typed meanwhile. */
  function queue(linkedId: string, first: () => Promise<void>): Promise<void> {
    work = work.then(async () => {
      saving.value = true
      try {
        await first()
        await write(linkedId)
        problem.value = null
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        problem.value = error
      } finally {
        saving.value = false
        remember()
      }
    })
    return work
  }

  async function refresh(linkedId: string, number: string): Promise<void> {
    orders[linkedId] = await api.order(number)
    delete drafted[linkedId]
  }

  async function write(linkedId: string): Promise<void> {
    for (let left = TRIES; left > 0; left -= 1) {
      const order = orders[linkedId]
      const mine = typed[linkedId]
      if (!order || !mine) return
      const names = unsaved(mine, order)
      if (!names.length) return
      const sent = Object.fromEntries(names.map((name) => [name, mine[name]])) as Typed
      try {
        orders[linkedId] = await api.editOrder(order, editBody(sent, names))
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 412 || left === 1) throw error
        await refresh(linkedId, order.number) // the machine, or a colleague, was there meanwhile
        continue
      }
      for (const name of names) if (mine[name] === sent[name]) delete mine[name]
    }
  }

  /** Make a move with what stands in the order now; true when it is made. */
  async function move(linkedId: string, body: OrderMoveBody): Promise<boolean> {
    let made = false
    await queue(linkedId, async () => {
      await write(linkedId)
      for (let left = TRIES; left > 0 && !made; left -= 1) {
        const order = orders[linkedId]
        if (!order) return
        try {
          orders[linkedId] = await api.moveOrder(order, body)
          made = true
        } catch (error) {
          if (!(error instanceof Problem) || error.status !== 412 || left === 1) throw error
          await refresh(linkedId, order.number)
        }
      }
    })
    return made
  }

  /** Another person may sit here next. */
  function forget(): void {
    for (const known of [typed, orders, drafted]) for (const linkedId of Object.keys(known)) delete known[linkedId]
    problem.value = null
    remember()
  }

  function remember(): void {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(typed))
    } catch {
      // Kept in memory alone, then.
    }
  }
  function remembered(): Record<string, Typed> {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') as Record<string, Typed>
    } catch {
      return {}
    }
  }

  return { typed, orders, drafted, hear, saving, problem, begin, type, save, move, forget }
})
