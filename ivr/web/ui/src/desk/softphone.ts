/** The seat's telephone: JsSIP over the exchange's secure WebSocket. It knows calls, not queues: states are the exchange's. */
import { UA, WebSocketInterface } from 'jssip'
import type { IncomingRTCSessionEvent, RTCSessionEvent } from 'jssip/lib/UA'
import type { RTCSession } from 'jssip/lib/RTCSession'
import type { SeatAccess } from './api'
import { camera, card, keyFrames, offersVideo, screen, type Card } from './picture'

export type LinePhase = 'none' | 'ringing' | 'calling' | 'talking'

/** What the page shows of the one call the telephone may have. */
export interface Line {
  phase: LinePhase
  /** The exchange's name of the call, for its facts; '' for a call without one (the echo). */
  linkedId: string
  number: string
  outgoing: boolean
  held: boolean
  muted: boolean
  since: number
  /** This desk is asked into somebody else's call, as its third side. */
  third: boolean
  /** The far end offered video: it is seen once the call is answered. */
  video: boolean
  /** The operator's camera is on; otherwise the far end sees a card that says so. */
  camera: boolean
  /** The far end sees a window or the screen of this desk. */
  sharing: boolean
}

export const NO_LINE: Line = { phase: 'none', linkedId: '', number: '', outgoing: false, held: false, muted: false, since: 0, third: false, video: false, camera: false, sharing: false }

export interface PhoneNews {
  registered: (registered: boolean, why: string) => void
  line: (line: Line) => void
  /** The far end's sound, to be played. */
  sound: (stream: MediaStream) => void
  /** The far end's picture, and what it is shown of the desk; null when there is none. */
  picture: (far: MediaStream | null, own: MediaStream | null) => void
  /** The words of the card that is shown while the camera is off. */
  card: () => [title: string, text: string]
}

const TONE_MS = 160
const GAP_MS = 120

/** One registration and one call at a time; a second call while one is up is refused as busy. */
export class Softphone {
  private readonly ua: UA
  private session: RTCSession | null = null
  private line: Line = NO_LINE
  private card: Card | null = null
  private filmed: MediaStreamTrack | null = null
  private shared: MediaStreamTrack | null = null
  private sender: RTCRtpSender | null = null
  private endKeyFrames: (() => void) | null = null
  private far: MediaStream | null = null

  constructor(
    private readonly seat: SeatAccess,
    private readonly microphone: () => MediaTrackConstraints | true,
    private readonly news: PhoneNews,
  ) {
    this.ua = new UA({
      sockets: [new WebSocketInterface(seat.websocket)],
      uri: `sip:${seat.user}@${seat.host}`,
      authorization_user: seat.user,
      password: seat.secret,
      register_expires: 60,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
      user_agent: 'ivr desk',
    })
    this.ua.on('registered', () => news.registered(true, ''))
    this.ua.on('unregistered', () => news.registered(false, 'unregistered'))
    this.ua.on('registrationFailed', (told) => news.registered(false, String(told.cause ?? 'failed')))
    this.ua.on('disconnected', () => news.registered(false, 'disconnected'))
    this.ua.on('newRTCSession', (event: RTCSessionEvent) => this.begin(event))
    this.ua.start()
  }

  /** Unregisters; whatever call is up ends. */
  stop(): void {
    this.ua.terminateSessions()
    this.ua.stop()
  }

  /** Hear oneself, through the exchange and back. */
  echo(): void {
    this.ua.call(`sip:echo@${this.seat.host}`, this.media())
  }

  answer(): void {
    if (this.line.phase === 'ringing') this.session?.answer(this.media())
  }

  /**
   * Show oneself, or the card again. The picture is exchanged under the call, which goes on as it is; what the camera filmed while the
   * call ended is let go. Rejects when the browser gives no camera.
   */
  async setCamera(on: boolean): Promise<void> {
    const sender = this.sender
    if (!sender || !this.card || on === this.line.camera) return
    if (on) {
      const filmed = await camera()
      if (this.sender !== sender || this.filmed) return filmed.stop()
      this.stopSharing()
      this.filmed = filmed
      await sender.replaceTrack(filmed)
    } else {
      if (!this.shared) await sender.replaceTrack(this.card.track)
      this.stopFilming()
    }
    if (this.sender !== sender) return
    this.tell({ camera: on, sharing: this.shared !== null })
    this.tellPicture()
  }

  /**
   * Show a window or the screen in place of the camera or the card, and go back to what was shown before. It also ends by the browser's
   * own button, or when the window is closed. Rejects when nothing was chosen.
   */
  async setSharing(on: boolean): Promise<void> {
    const sender = this.sender
    if (!sender || !this.card || on === this.line.sharing) return
    if (on) {
      const shared = await screen()
      if (this.sender !== sender || this.shared) return shared.stop()
      this.shared = shared
      shared.addEventListener('ended', () => { if (this.shared === shared) this.setSharing(false).catch(() => undefined) })
      await sender.replaceTrack(shared)
    } else {
      this.stopSharing()
      await sender.replaceTrack(this.filmed ?? this.card.track)
    }
    if (this.sender !== sender) return
    this.tell({ sharing: on })
    this.tellPicture()
  }

  hangUp(): void {
    if (this.session && !this.session.isEnded()) this.session.terminate()
  }

  setHold(held: boolean): void {
    if (!this.session?.isEstablished()) return
    if (held) this.session.hold()
    else this.session.unhold()
  }

  setMute(muted: boolean): void {
    if (muted) this.session?.mute({ audio: true })
    else this.session?.unmute({ audio: true })
  }

  /** Keys as the exchange hears them; a comma is a pause of two seconds. */
  press(keys: string): void {
    const established = this.session?.isEstablished()
    // The typings name the transports by an enumeration that exists in them alone.
    if (established) this.session?.sendDTMF(keys, { duration: TONE_MS, interToneGap: GAP_MS, transportType: 'RFC2833' as never })
  }

  private media() {
    return { mediaConstraints: { audio: this.microphone(), video: false }, pcConfig: { iceServers: [] } }
  }

  private begin(event: RTCSessionEvent): void {
    const incoming = event.originator === ('remote' as never)
    if (this.session) {
      if (incoming) event.session.terminate({ status_code: 486 })
      return
    }
    const session = event.session
    this.session = session
    const request = (event as IncomingRTCSessionEvent).request
    this.tell({
      ...NO_LINE, phase: incoming ? 'ringing' : 'calling', outgoing: !incoming, since: Date.now(),
      video: incoming && offersVideo(String(request.body ?? '')),
      linkedId: incoming ? (request.getHeader('X-Ivr-Call') ?? '') : '',
      third: incoming && Boolean(request.getHeader('X-Ivr-Third')),
      number: incoming ? session.remote_identity.uri.user : '',
    })
    const listen = (connection: RTCPeerConnection): void => {
      if (this.line.video) this.showCard(connection)
      connection.addEventListener('track', (track) => {
        if (track.track.kind === 'video') {
          this.far = new MediaStream([track.track])
          this.tellPicture()
        } else this.news.sound(new MediaStream([track.track]))
      })
    }
    if (session.connection) listen(session.connection)
    session.on('peerconnection', (told: { peerconnection: RTCPeerConnection }) => listen(told.peerconnection))
    session.on('confirmed', () => {
      if (this.session === session && this.sender) this.endKeyFrames ??= keyFrames(this.sender)
      this.tell({ phase: 'talking', since: Date.now() })
    })
    session.on('hold', () => this.tell({ held: session.isOnHold().local }))
    session.on('unhold', () => this.tell({ held: session.isOnHold().local }))
    session.on('muted', () => this.tell({ muted: true }))
    session.on('unmuted', () => this.tell({ muted: false }))
    const over = (): void => {
      if (this.session !== session) return
      this.session = null
      this.endPicture()
      this.tell(NO_LINE)
    }
    session.on('ended', over)
    session.on('failed', over)
  }

  /** From the first moment of an answered call the far end sees something, and it is not a person who was not asked. */
  private showCard(connection: RTCPeerConnection): void {
    this.card = card(...this.news.card())
    this.sender = connection.addTrack(this.card.track)
    this.tellPicture()
  }

  private tellPicture(): void {
    const own = this.shared ?? this.filmed ?? this.card?.track
    this.news.picture(this.far, own ? new MediaStream([own]) : null)
  }

  private stopSharing(): void {
    this.shared?.stop()
    this.shared = null
  }

  private stopFilming(): void {
    this.filmed?.stop()
    this.filmed = null
  }

  private endPicture(): void {
    this.endKeyFrames?.()
    this.endKeyFrames = null
    this.stopSharing()
    this.stopFilming()
    this.card?.stop()
    this.card = null
    this.sender = null
    this.far = null
    this.news.picture(null, null)
  }

  private tell(change: Partial<Line>): void {
    this.line = { ...this.line, ...change }
    this.news.line(this.line)
  }
}
