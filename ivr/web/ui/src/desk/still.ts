/** One picture of what the far end shows, as sharp as it came. */
import { request } from '../api/client'

/** The server takes no larger one. */
export const MOST_BYTES = 6 * 1024 * 1024
const QUALITY = 0.95

const encoded = (canvas: HTMLCanvasElement, type: string, quality?: number): Promise<Blob> =>
  new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture cannot be written'))), type, quality))

/** The frame a video shows now, in the size the camera sent: a PNG, or a JPEG when that would be too large. */
export async function still(video: HTMLVideoElement): Promise<Blob> {
  if (!video.videoWidth) throw new Error('no picture has come yet')
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  const pen = canvas.getContext('2d')
  if (!pen) throw new Error('this browser draws no pictures')
  pen.drawImage(video, 0, 0)
  const exact = await encoded(canvas, 'image/png')
  return exact.size <= MOST_BYTES ? exact : encoded(canvas, 'image/jpeg', QUALITY)
}

/** In base64, without the words before it that a data address has. */
export async function base64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}

export interface KeptPicture { id: number; linked_id: string; width: number; height: number; asked_at: string; taken_at: string; taken_by: string; gone: boolean }

const id = encodeURIComponent
export const pictureApi = {
  keep: async (linkedId: string, blob: Blob) => request<KeptPicture>('POST', `calls/${id(linkedId)}/pictures`, { picture: await base64(blob) }),
  ofOrder: (number: string, signal?: AbortSignal) =>
    request<{ pictures: KeptPicture[] }>('GET', `work-orders/${id(number)}/pictures`, undefined, signal),
  address: (number: string, picture: number) => `/api/v1/work-orders/${id(number)}/pictures/${picture}`,
}
