/** What a caller may say about a single call, beside what fetch knows. */
import { parseDuration } from '@zerohop/mesh-core/policy'

/** `init.mesh`: only what is a field of the call. Everything else is a matter of policy. */
export interface MeshCallOptions {
  /** Time for the whole call, in ms or as `'250ms'`; it only ever shortens the policy's. */
  timeout?: number | string
  /** True where a second execution does no harm. Default: true for GET, HEAD, OPTIONS, PUT and DELETE and with an `Idempotency-Key`. */
  idempotent?: boolean
  /** False for a single attempt. */
  retry?: false
}

/** {@link MeshCallOptions} after they were checked. */
export interface CallOptions {
  /** 0: none. */
  readonly timeoutMs: number
  /** Undefined where the method decides. */
  readonly idempotent: boolean | undefined
  readonly once: boolean
}

const none: CallOptions = { timeoutMs: 0, idempotent: undefined, once: false }
const names = ['timeout', 'idempotent', 'retry']

/** @throws TypeError naming the field that is wrong */
export function readCallOptions(given: MeshCallOptions | undefined): CallOptions {
  if (given === undefined) return none
  if (typeof given !== 'object' || given === null) throw new TypeError('init.mesh: expected an object')
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw new TypeError(`init.mesh.${name}: no such option; there are ${names.join(', ')}`)
  }
  const { timeout, idempotent, retry } = given
  const timeoutMs = timeout === undefined ? 0 : parseDuration(timeout)
  if (timeoutMs === null || (timeout !== undefined && timeoutMs <= 0)) {
    throw new TypeError(`init.mesh.timeout: ${JSON.stringify(timeout)} is no duration above zero; write "250ms", "5s" or a number of ms`)
  }
  if (idempotent !== undefined && typeof idempotent !== 'boolean') throw new TypeError('init.mesh.idempotent: expected true or false')
  if (retry !== undefined && retry !== false)
    throw new TypeError('init.mesh.retry: only false is possible; how often is a matter of policy')
  return { timeoutMs, idempotent, once: retry === false }
}
