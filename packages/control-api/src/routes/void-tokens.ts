/** Writes down who came with a token that is void: somebody has kept it, or has stolen it. */
import type { VoidUse } from '../access/doorkeeper.ts'
import { RequestProblem } from './problem.ts'
import { tokenSubject } from './tokens.ts'
import type { Writes } from './writes.ts'

/** What a doorkeeper tells of such uses. The stranger is answered in any case: a disk that is full has been reported by then. */
export function voidTokensWritten(writes: Writes): (use: VoidUse) => void {
  return ({ token, code, remote }) => {
    const { id, name, service, singleUse } = token
    const caller = { token: id, name, service, singleUse, leaf: null }
    try {
      writes.perform({ caller, remote }, () => ({
        account: { action: 'token.refuse', subject: `${tokenSubject(token)}, ${code}`, revision: null, forced: false },
        result: undefined,
      }))
    } catch (error) {
      if (!(error instanceof RequestProblem)) throw error
    }
  }
}
