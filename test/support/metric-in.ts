/** Numbers read from a page of metrics. */

/** The sum of all series of a metric, or of those that have all of `labels` as they are written (`reason="expired"`); 0 where there is none. */
export function metricIn(page: string, name: string, ...labels: readonly string[]): number {
  const lines = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  const wanted = lines.filter((line) => labels.every((label) => line.includes(label)))
  return wanted.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
