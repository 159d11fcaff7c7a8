/** How reasons and people are told. */
import { t, worded } from '../text'
import { printable } from '../text/printable'
import type { OtherSeat, Reason, ReviewRow, Span } from './api'

export const reasonWords = (r: Reason): string =>
  r.rule === 'share' ? t('why.share', { number: r.number, size: r.size, place: r.place })
  : r.rule === 'dissatisfied' ? t('why.dissatisfied', { rating: worded('rating', String(r.rating)) })
  : r.rule === 'long_silence' ? t('why.long_silence', { seconds: r.seconds.toFixed(0) })
  : t('why.chosen', { by: printable(r.by) })

/** The account's name; where nobody knows who sat there, the seat's. */
export const whoseCall = (row: ReviewRow, seat: string): string =>
  printable(row.operator_name || row.operator) || t('quality.nobody', { seat: printable(seat) })

/** How often the caller was on hold, and how long in all; '' when it was not seen. */
export const holdWords = (holds: Span[]): string =>
  holds.length ? t('quality.held', { n: holds.length, seconds: holds.reduce((sum, h) => sum + h.end_s - h.start_s, 0).toFixed(0) }) : ''

/** Who else talked with the caller, and how long; `seat` names a seat of which nobody knows who sat there. */
export const otherWords = (others: OtherSeat[], seat: (name: string) => string): string =>
  others.map((o) => t('quality.otherTalked', {
    who: printable(o.operator_name || o.operator) || t('quality.nobody', { seat: printable(seat(o.seat)) }), seconds: o.talked_s.toFixed(0),
  })).join(t('quality.and'))
