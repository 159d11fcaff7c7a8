/** Space plays and pauses; J, K, L step back, pause, step forward; ← and → go word by word. Never while someone types. */
import { onBeforeUnmount, onMounted } from 'vue'

export interface Keys { toggle(): void; back(): void; pause(): void; forward(): void; word(step: -1 | 1): void }

const TYPING = 'input:not([type=radio]), textarea, select, [contenteditable=true]'

export function useKeys(keys: Keys): void {
  function pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return
    const target = event.target instanceof HTMLElement ? event.target : document.body
    if (target.matches(TYPING)) return
    const key = event.key.toLowerCase()
    // A focused button or link keeps its own space, a group of choices its own arrows.
    if (key === ' ' && target.closest('button, a, summary')) return
    if (key.startsWith('arrow') && target.matches('input')) return
    const act: Readonly<Record<string, () => void>> = {
      ' ': keys.toggle, j: keys.back, k: keys.pause, l: keys.forward,
      arrowleft: () => keys.word(-1), arrowright: () => keys.word(1),
    }
    const done = act[key]
    if (!done) return
    event.preventDefault()
    done()
  }
  onMounted(() => window.addEventListener('keydown', pressed))
  onBeforeUnmount(() => window.removeEventListener('keydown', pressed))
}
