/** A log that tells of errors alone: what journeys do to a mesh on purpose fills no screen. */
import type { Log } from '@zerohop/mesh-core'

export const quietLog: Log = {
  info: () => {},
  warn: () => {},
  error: (line) => console.error(line),
}
