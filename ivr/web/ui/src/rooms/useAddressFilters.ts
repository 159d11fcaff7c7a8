/** Filters that live in the address, so that a list can be reloaded, shared and gone back to. */
import { computed, type ComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

export function useAddressFilters<K extends string>(keys: readonly K[]): {
  filters: ComputedRef<Record<K, string>>
  any: ComputedRef<boolean>
  set: (changed: Partial<Record<K, string | null | undefined>>) => void
  clear: () => void
} {
  const route = useRoute()
  const router = useRouter()
  const own = route.name
  // Built from text, so that a change of some other query key leaves the value, and the list, alone.
  const text = computed(() =>
    JSON.stringify(keys.map((key) => (route.name === own && typeof route.query[key] === 'string' ? route.query[key] : ''))))
  const filters = computed(() => {
    const values = JSON.parse(text.value) as string[]
    return Object.fromEntries(keys.map((key, i) => [key, values[i] ?? ''])) as Record<K, string>
  })
  const any = computed(() => Object.values(filters.value).some(Boolean))

  function set(changed: Partial<Record<K, string | null | undefined>>): void {
    const query = { ...route.query }
    for (const [key, value] of Object.entries(changed) as [K, string | null | undefined][]) {
      if (value) query[key] = value
      else delete query[key]
    }
    void router.replace({ query })
  }
  const clear = (): void => set(Object.fromEntries(keys.map((key) => [key, ''])) as Record<K, string>)
  return { filters, any, set, clear }
}
