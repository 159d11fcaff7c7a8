import type { zhPrivacy } from './zh_privacy'

export const enPrivacy: Record<keyof typeof zhPrivacy, string> = {
  'privacy.masked': 'Numbers and names are covered; a tone is heard over them',
  'privacy.locked': 'Numbers cannot be covered before the recording is transcribed: it cannot be played yet',
  'privacy.reason': 'Why you need them (audited)',
  'privacy.show': 'Show',
}
