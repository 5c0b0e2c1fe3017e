/** Runs contestants in turns, so that what the machine does besides hits all of them alike, and says what the middle round was. */

/** The middle of some figures. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/**
 * Interleaves `rounds` rounds of all contestants, each round in another order: what one leaves behind for the next must not always hit the same
 * one. Answers with each contestant's figures in order.
 */
export async function interleave<T>(contestants: Readonly<Record<string, () => Promise<T>>>, rounds: number): Promise<Record<string, T[]>> {
  const names = Object.keys(contestants)
  const figures: Record<string, T[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of shuffled(names)) figures[name]?.push(await (contestants[name] as () => Promise<T>)())
    if (process.stderr.isTTY) process.stderr.write(`\rround ${round + 1} of ${rounds}\x1b[K`)
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return figures
}

function shuffled(names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ name }) => name)
}
