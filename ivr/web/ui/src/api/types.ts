/** The server's representations, field for field (OpenAPI at /api/openapi.json); times are ISO 8601, durations seconds. */

export interface User {
  name: string
  display_name: string
  roles: string[]
}

export const MEMBER_STATES = ['available', 'ringing', 'talking', 'paused', 'offline'] as const
export type MemberState = (typeof MEMBER_STATES)[number]

export interface QueueMember {
  name: string
  interface: string
  state: MemberState
  paused_reason: string
  /** Talking, and the caller is on hold. */
  held?: boolean
}

export interface QueueCaller {
  linked_id: string
  caller_number: string
  position: number
  waited_s: number
}

export interface Queue {
  queue: string
  title: string
  waiting: number
  longest_wait_s: number
  members: Record<MemberState, number>
  member_list: QueueMember[]
  callers: QueueCaller[]
  stale: boolean
  stale_since: string | null
  as_of: string
}

export type Speaker = 'caller' | 'operator'
export const CALL_STATES = ['arrived', 'queued', 'talking', 'ended'] as const
export type CallState = (typeof CALL_STATES)[number]
export const OUTCOMES = [
  'answered', 'abandoned', 'message', 'callback', 'self_service', 'overflow', 'failed', 'interrupted',
] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface Call {
  linked_id: string
  state: CallState
  outcome: Outcome | null
  channel: string
  caller_number: string
  caller_name: string
  called_number: string
  queue: string
  operator: string
  arrived_at: string
  queued_at: string | null
  answered_at: string | null
  ended_at: string | null
  wait_s: number | null
  talk_s: number | null
  order: string | null
}

export interface Recording {
  track: Speaker
  seconds: number
  state: 'pending' | 'leased' | 'transcribed' | 'no_speech' | 'quarantined'
  problem: string
}

export interface Word {
  text: string
  start_s: number
  end_s: number
  confidence: number
}

export interface Segment {
  speaker: Speaker
  start_s: number
  end_s: number
  text: string
  confidence: number
  words: Word[]
}

export interface Gap {
  at_s: number
  seconds: number | null
}

export interface CallDetail extends Call {
  caller_name_raw: string
  caller_number_raw: string
  /** Numbers or the citizen's name are covered for who asks. */
  masked?: boolean
  /** tones: over what is covered; locked: not transcribed yet, so that nothing could be covered. */
  sound?: 'whole' | 'tones' | 'locked'
  notice_version: string
  menu_choice: string
  rating: number | null
  /** A village's phone told by its key that somebody helps who calls. */
  helper_present?: boolean
  /** The village's phone that calls or is called; '' for a telephone. */
  device?: string
  /** Pauses: where in the recording, and for how long; null: not on again. */
  recording_gaps?: Gap[]
  /** The operator's key said that the citizen asks for confidence. */
  confidential_asked?: boolean
  recording_refused: boolean
  hangup_by: string
  hangup_cause: number | null
  recordings: Recording[]
  /** Heard so far of tracks that have no transcript yet. */
  heard?: Omit<Segment, 'words'>[]
  transcript: { state: 'none' | 'pending' | 'complete' | 'partial'; segments: Segment[] }
}

export interface Peaks {
  points: number
  caller: number[]
  operator: number[]
}

/** Both '' when unclear and left for a person. */
export interface Coded {
  code: string
  name: string
}

export const FIELDS = ['category', 'matter', 'caller_name', 'callback_number', 'place', 'amount', 'date', 'remark'] as const
export type FieldName = (typeof FIELDS)[number]

export interface Evidence {
  speaker: Speaker
  text: string
  start_s: number | null
  end_s: number | null
  confidence: number | null
}

export interface OrderField {
  field: FieldName
  ordinal: number
  value: string
  display: string
  source: 'machine' | 'human'
  rule: string
  linked_id: string
  /** A range, or a figure the caller only estimated. */
  approximate: boolean
  evidence: Evidence | null
  /** What the machine had found where a person wrote. */
  machine_display?: string | null
  set_by?: string
  set_at?: string | null
}

/** What the machine would fill in while the call goes on. */
export interface CallDraft {
  table_version: string
  fields: OrderField[]
}

/** A field left to a person, and why, in the citizen's language. */
export interface Blank {
  field: FieldName
  code: string
  message: string
}

export interface Order {
  number: string
  state: string
  channel: string
  outcome: string
  category: Coded
  matter: Coded
  caller_number: string
  opened_at: string
  due_at: string | null
  filled_at: string | null
  note: string
  version: number
  calls: string[]
  table_version: string
  owner: string
  assigned_to: string
  assigned_unit: string
  /** A word of risk was heard in one of its calls. */
  urgent?: boolean
  /** In one of its calls a key told that somebody helps who calls. */
  helper_present?: boolean
  card: '' | 'yellow' | 'red'
  urged: number
  returns: number
  extended: boolean
  confidential: boolean
  merged_into: string
}

export type MoveNeed = 'reason' | 'assignee' | 'days' | 'into' | 'person'

/** One move as it stands for who asks; `why` is '' when it is allowed. */
export interface MoveChoice {
  move: string
  title: string
  allowed: boolean
  why: string
  needs: MoveNeed[]
}

export interface OrderEvent {
  at: string
  actor: string
  role: string
  work_number: string
  move: string
  from_state: string
  to_state: string
  reason: string
  detail: Record<string, string | number | boolean>
  version: number
}

/** A notice to the citizen by a call. */
export interface SpokenNotice {
  event: 'order.assigned' | 'order.accepted' | 'order.resolved'
  at: string
  state: 'waiting' | 'sending' | 'delivered' | 'held'
  calls: number
  result: 'heard' | 'human' | 'left' | 'busy' | 'unanswered' | 'refused' | 'interrupted' | null
  called_at: string | null
  next_at: string | null
}

export interface OrderDetail extends Order {
  fields: OrderField[]
  blanks: Blank[]
  /** Confidential, and sent without content. */
  hidden: boolean
  /** Numbers or the citizen's name are covered for who asks. */
  masked?: boolean
  assigned_at: string | null
  decision_by: string
  conflicts: string[]
  merged: string[]
  spoken_notices: SpokenNotice[]
  moves: MoveChoice[]
  history: OrderEvent[]
}

export interface OrderTables {
  categories: Coded[]
  matters: Coded[]
  places: Coded[]
}

export interface OrderCandidate {
  work_number: string
  name: string
  unit: string
  load: number
  reasons: string[]
}

export interface OrderMoveBody {
  move: string
  reason?: string
  to?: string
  unit?: string
  days?: number
  into?: string
  chosen?: boolean
}

export type OrderEditBody = Partial<Record<FieldName, string | string[]>>

/** Something that must be seen now; no longer `active`, it is over. */
export interface Alarm {
  name: string
  at: string
  text: string
  active: boolean
}

/** Proof of life; `fresh` is false while the server itself cannot read what happens, and `as_of` says since when. */
export interface Clock {
  now: string
  fresh?: boolean
  as_of?: string | null
}

export interface Snapshot {
  queues: Queue[]
  calls: Call[]
  orders: Order[]
  alarms?: Alarm[]
}
