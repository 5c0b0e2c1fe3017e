/** Figures that a journey prints: one line that can be quoted, and the quantiles in it. */

/** Prints one line: what was measured, and its figures by name. */
export function printFigures(journey: string, figures: Readonly<Record<string, unknown>>): void {
  const told = Object.entries(figures).map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toFixed(3)) : value}`)
  console.log(`${journey}: ${told.join(', ')}`)
}

/** The median, the 99th percentile and the largest of some numbers, as text. */
export function spread(numbers: readonly number[], unit: string): string {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN).toFixed(2)
  return `p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ${unit}`
}
