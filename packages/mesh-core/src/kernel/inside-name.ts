/** Which hosts could be services of the mesh by their name alone. */

/** True for names without a dot, and for those with one of `suffixes`: names of the internet have a dot, addresses a dot or a colon. */
export function isInsideName(name: string, suffixes: readonly string[]): boolean {
  if (name === '' || name === 'localhost' || name.includes(':')) return false
  return !name.includes('.') || suffixes.some((suffix) => name.endsWith(suffix))
}
