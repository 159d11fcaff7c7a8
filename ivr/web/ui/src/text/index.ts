/** The pages' words in the chosen language; Chinese unless the user chose otherwise on this PC. */
import { ref } from 'vue'
import { en } from './en'
import { zh, type MessageKey } from './zh'

export type Language = 'zh' | 'en'
const KEY = 'ivr.language'

function stored(): Language {
  try {
    return localStorage.getItem(KEY) === 'en' ? 'en' : 'zh'
  } catch {
    return 'zh'
  }
}

export const language = ref<Language>(stored())
const markDocument = (): void => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
}

export function chooseLanguage(chosen: Language): void {
  language.value = chosen
  markDocument()
  try {
    localStorage.setItem(KEY, chosen)
  } catch {
    // A PC that keeps nothing simply asks again next time.
  }
}
if (typeof document !== 'undefined') markDocument()

export function t(key: MessageKey, fill: Readonly<Record<string, string | number>> = {}): string {
  const text = (language.value === 'zh' ? zh : en)[key]
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(fill[name] ?? whole))
}

/** The word for a code the server sent; a code this page does not know yet is shown as it is. */
export function worded(group: string, code: string | null | undefined): string {
  if (!code) return ''
  const key = `${group}.${code}`
  return key in zh ? t(key as MessageKey) : code
}
