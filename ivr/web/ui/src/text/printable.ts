/**
 * Text from outside, shown literally: what a caller sends may hold control characters or marks that turn the writing
 * direction round and so disguise the rest of the line. Those are shown by their code instead of being obeyed.
 */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

export const printable = (text: string | null | undefined): string =>
  (text ?? '').replace(UNSEEN, (c) => `⟨${c.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}⟩`)
