/** What the far end sees of a desk: a card that says nobody is filmed yet, until the operator turns the camera on. */

export interface Card {
  track: MediaStreamTrack
  stop: () => void
}

const WIDTH = 640
const HEIGHT = 360
const FRAME_MS = 500

/** A picture of two lines, sent as video; the dot moves so that the far end sees that the call lives. */
export function card(title: string, text: string): Card {
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH
  canvas.height = HEIGHT
  const pen = canvas.getContext('2d')
  let beat = 0
  const draw = (): void => {
    if (!pen) return
    pen.fillStyle = '#12304f'
    pen.fillRect(0, 0, WIDTH, HEIGHT)
    pen.fillStyle = '#ffffff'
    pen.textAlign = 'center'
    pen.font = 'bold 52px sans-serif'
    pen.fillText(title, WIDTH / 2, 165, WIDTH - 40)
    pen.font = '32px sans-serif'
    pen.fillText(text, WIDTH / 2, 230, WIDTH - 40)
    beat += 1
    for (let n = 0; n < 3; n += 1) {
      pen.globalAlpha = beat % 3 === n ? 1 : 0.3
      pen.beginPath()
      pen.arc(WIDTH / 2 - 30 + n * 30, 295, 7, 0, 2 * Math.PI)
      pen.fill()
    }
    pen.globalAlpha = 1
  }
  draw()
  const track = canvas.captureStream(1000 / FRAME_MS).getVideoTracks()[0]
  if (!track) throw new Error('this browser makes no video of a canvas')
  const timer = setInterval(draw, FRAME_MS)
  return { track, stop: () => { clearInterval(timer); track.stop() } }
}

/** The camera, as much of it as a village's line and phone carry. */
export async function camera(): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, frameRate: { ideal: 15, max: 20 } },
  })
  const track = stream.getVideoTracks()[0]
  if (!track) throw new Error('no camera')
  return track
}

/** A window or the screen, as the person at the desk chooses it: sharp rather than smooth, and no larger than a village's phone shows. */
export async function screen(): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { width: { max: 1280 }, height: { max: 720 }, frameRate: { ideal: 5, max: 10 } }, audio: false,
  })
  const track = stream.getVideoTracks()[0]
  if (!track) throw new Error('nothing to share')
  track.contentHint = 'detail'
  return track
}

const FIRST_KEY_FRAMES_MS = [1500, 3000, 6000] as const
const KEY_FRAME_EVERY_MS = 10_000

/**
 * A whole picture every now and then: who joins late, or lost one, asks for it, and between a browser and a telephone what is asked
 * does not always arrive. Without it a village that is called back sees nothing at all. Returns what ends it.
 */
export function keyFrames(sender: RTCRtpSender): () => void {
  const whole = async (): Promise<void> => {
    for (const active of [false, true]) {
      const parameters = sender.getParameters()
      if (!parameters.encodings.length) return
      for (const encoding of parameters.encodings) encoding.active = active
      await sender.setParameters(parameters)
    }
  }
  const tell = (): void => { whole().catch((error: unknown) => console.warn('no key frame', error)) }
  const first = FIRST_KEY_FRAMES_MS.map((ms) => setTimeout(tell, ms))
  const timer = setInterval(tell, KEY_FRAME_EVERY_MS)
  return () => { clearInterval(timer); first.forEach(clearTimeout) }
}

/** Whether an offer has video that is not refused (RFC 3264 §6: port 0 refuses). */
export function offersVideo(sdp: string): boolean {
  return /^m=video [1-9]/m.test(sdp)
}
