/** Figures as the server sends them (OpenAPI at /api/openapi.json). A value is null over nothing, never 0. */
import type { Call, Coded } from './types'

export interface Formula {
  name: string
  title: string
  unit: 'share' | 'seconds'
  formula: string
  /** Names of sets of calls, '' where the figure is no quotient of two. */
  numerator: string
  denominator: string
}

export interface Figure {
  name: string
  value: number | null
  numerator: number | null
  denominator: number
}

export interface Balance {
  kind: 'number' | 'queue'
  name: string
  arrived: number
  parts: Record<string, number>
  under_way: number
  difference: number
}

export interface FigureGroup {
  key: string
  title: string
  start: string
  end: string
  counts: Record<string, number>
  figures: Figure[]
  balances: Balance[]
  balanced: boolean
  rolling_24h: Figure | null
}

/** Seconds of one seat; hold is part of talking. */
export interface SeatTime {
  seat: string
  ready_s: number
  talking_s: number
  wrap_up_s: number
  paused_s: number
  occupancy: number | null
}

export interface Statistics {
  start: string
  end: string
  by: string
  interval: string | null
  formulas: Formula[]
  total: FigureGroup
  groups: FigureGroup[]
  on_time: Figure
  /** Occupancy of the whole span. */
  of_seats: Figure[]
  seats: SeatTime[]
  not_recorded: { name: string; title: string; why: string }[]
}

export interface OrderStateCount {
  state: string
  orders: number
  yellow: number
  red: number
}

export interface HeatMap {
  kind: 'category' | 'matter'
  days: number
  columns: Coded[]
  places: { place: string; name: string; orders: number[]; total: number }[]
  further_places: number
}

export interface WallTerminal {
  device: string
  name: string
  use: 'used' | 'unused' | 'unusable'
}

export interface WallTerminals {
  phones: WallTerminal[]
  stale: boolean
}

export interface Wall {
  as_of: string
  connection_goal: number
  formulas: Formula[]
  today: FigureGroup
  rolling_24h: Figure
  on_time: Figure
  orders: OrderStateCount[]
  heat: HeatMap
  terminals: WallTerminals
}

export interface CountedCalls {
  calls: Call[]
  next: string | null
}
