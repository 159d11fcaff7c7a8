/** The desk's keys: function keys alone, so that they work while somebody types and take no letter from anybody. */
import { onBeforeUnmount, onMounted } from 'vue'

export function useDeskKeys(act: Readonly<Record<string, () => void>>): void {
  function pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.repeat) return
    const done = act[event.key]
    if (!done) return
    event.preventDefault()
    done()
  }
  onMounted(() => window.addEventListener('keydown', pressed))
  onBeforeUnmount(() => window.removeEventListener('keydown', pressed))
}
