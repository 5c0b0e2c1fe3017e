/** Finds the known word that a mistyped one was meant to be. */

// Longer words are no slips of a known one, and the distance costs the product of both lengths.
const longestWord = 40

/** `: did you mean ...?` as the end of a sentence, or '' where nothing known is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (word.length > longestWord) return ''
  let nearest = ''
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const steps = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (steps < least) {
      least = steps
      nearest = candidate
    }
  }
  return nearest === '' ? '' : `: did you mean \`${nearest}\`?`
}

/** The end of a sentence about a word that is not known: the one that was meant, or else all that are. */
export function hintFor(word: string, known: readonly string[]): string {
  const nearest = didYouMean(word, known)
  return nearest === '' && known.length > 0 ? `; known here: ${known.join(', ')}` : nearest
}

/** How many letters to add, drop, replace or swap with their neighbour to make one word of the other. */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let steps = Math.min(cell(last, column) + 1, cell(current, column - 1) + 1, cell(last, column - 1) + (same ? 0 : 1))
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1])
        steps = Math.min(steps, cell(beforeLast, column - 2) + 1)
      current.push(steps)
    }
    beforeLast = last
    last = current
  }
  return cell(last, to.length)
}

function cell(row: readonly number[], column: number): number {
  return row[column] as number
}
