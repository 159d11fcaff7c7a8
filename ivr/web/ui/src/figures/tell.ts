/** Figures as text; over nothing there is a dash, never a zero. */
import type { Figure, FigureGroup, Formula } from '../api/statistics'
import { t } from '../text'
import { duration } from '../time/format'

export const share = (value: number | null, digits = 1): string =>
  value === null ? t('figure.none') : value === 1 ? '100%' : `${(100 * value).toFixed(digits)}%`

/** Seconds to a tenth below a minute, above it as `3′05″`. */
export const seconds = (value: number | null): string =>
  value === null ? t('figure.none') : value < 60 ? t('figure.seconds', { n: value.toFixed(1) }) : duration(value)

export const tell = (figure: Figure | undefined, unit: Formula['unit'], digits = 1): string =>
  !figure ? t('figure.none') : unit === 'share' ? share(figure.value, digits) : seconds(figure.value)

/** What a figure was made of, `7 / 17`; for a percentile how many were put in order. */
export function madeOf(figure: Figure | undefined, unit: Formula['unit']): string {
  if (!figure) return ''
  if (figure.numerator === null) return t('figure.percentile', { n: figure.denominator })
  return t('figure.of', { a: unit === 'share' ? figure.numerator : seconds(figure.numerator), b: figure.denominator })
}

export const figureOf = (group: FigureGroup | undefined, name: string): Figure | undefined =>
  group?.figures.find((f) => f.name === name)
