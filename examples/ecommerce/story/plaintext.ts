/** A caller from before the mesh: it has no identity, and asks in plaintext. */
import type { ServiceProcess } from '../run/service-process.ts'

const answerWithinMs = 5000

/** Asks a process of user for a customer so many times; returns the statuses of the answers. */
export async function askInPlaintext(user: ServiceProcess, times: number): Promise<readonly number[]> {
  const statuses: number[] = []
  for (let n = 0; n < times; n++) {
    const reply = await fetch(`http://${user.address}/users/u-${n}`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(answerWithinMs),
    })
    await reply.body?.cancel()
    statuses.push(reply.status)
  }
  return statuses
}
