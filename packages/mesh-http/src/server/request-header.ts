/** The headers of a request as they came, line by line: for the rules of a policy, and where two lines are not the same as one. */
import type { IncomingMessage } from 'node:http'

/** The value of a header by its lower-case name: repeated ones joined by a comma, null for none. */
export function requestHeader(request: IncomingMessage, name: string): string | null {
  const lines = headerLines(request, name)
  return lines.length === 0 ? null : lines.join(', ')
}

/** Every line of a header by its lower-case name. Not from node's own table of them: before 24.14.1 that throws where a header is called `__proto__`. */
export function headerLines({ rawHeaders }: IncomingMessage, name: string): string[] {
  const lines: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] as string
    if (given.length === name.length && given.toLowerCase() === name) lines.push(rawHeaders[at + 1] as string)
  }
  return lines
}
