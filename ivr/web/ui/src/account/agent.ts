/** A browser's own words, as a name people know: the engine says everything at once, so the order matters. */
const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdg\w*\//, 'Edge'], [/\bFirefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'], [/\bSafari\//, 'Safari'],
]
const SYSTEMS: readonly [RegExp, string][] = [
  [/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux'],
]

export function device(agent: string): string {
  const named = [BROWSERS, SYSTEMS].map((table) => table.find(([sign]) => sign.test(agent))?.[1]).filter((name) => name !== undefined)
  return named.length ? named.join(' · ') : agent
}

/** The rows of a QR code as one SVG path, a module each: no picture is fetched, so the content policy stays as it is. */
export function pathOf(rows: readonly string[]): string {
  return rows.flatMap((row, y) => [...row].map((cell, x) => (cell === '#' ? `M${x} ${y}h1v1h-1z` : ''))).join('')
}
