/** How loud a microphone is, 0…1, while somebody looks; and the ring of the desk, made here so that no file must load. */
export interface Meter { level: () => number; stop: () => void }

export function meter(stream: MediaStream): Meter {
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  analyser.fftSize = 1024
  const source = context.createMediaStreamSource(stream)
  source.connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  return {
    level: () => {
      analyser.getFloatTimeDomainData(samples)
      const power = samples.reduce((sum, s) => sum + s * s, 0) / samples.length
      // From −60 dB (silence) to 0 dB (as loud as it goes).
      return Math.min(1, Math.max(0, (20 * Math.log10(Math.sqrt(power) + 1e-6) + 60) / 60))
    },
    stop: () => {
      source.disconnect()
      stream.getTracks().forEach((track) => track.stop())
      void context.close()
    },
  }
}

/** Two short tones every three seconds until stopped. */
export function ring(): () => void {
  const context = new AudioContext()
  const beep = (at: number): void => {
    const tone = context.createOscillator()
    const volume = context.createGain()
    tone.frequency.value = 660
    volume.gain.setValueAtTime(0.15, at)
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.5)
    tone.connect(volume).connect(context.destination)
    tone.start(at)
    tone.stop(at + 0.5)
  }
  const both = (): void => { beep(context.currentTime); beep(context.currentTime + 0.6) }
  both()
  const timer = setInterval(both, 3000)
  return () => { clearInterval(timer); void context.close() }
}
