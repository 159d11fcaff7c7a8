/** How reasons and people are told. */
import { t, worded } from '../text'
import { printable } from '../text/printable'
import type { Reason, ReviewRow } from './api'

export const reasonWords = (r: Reason): string =>
  r.rule === 'share' ? t('why.share', { number: r.number, size: r.size, place: r.place })
  : r.rule === 'dissatisfied' ? t('why.dissatisfied', { rating: worded('rating', String(r.rating)) })
  : r.rule === 'long_silence' ? t('why.long_silence', { seconds: r.seconds.toFixed(0) })
  : t('why.chosen', { by: printable(r.by) })

/** The account's name; where nobody knows who sat there, the seat's. */
export const whoseCall = (row: ReviewRow, seat: string): string =>
  printable(row.operator_name || row.operator) || t('quality.nobody', { seat: printable(seat) })
