/** Reads policies from code or from a watched file, and keeps the last good set when a new one is broken. */

import type { Log } from '../kernel/log.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import { WatchedFile } from '../kernel/watched-file.ts'
import { type PolicyReading, type PolicySet, readPolicies } from '../policy/index.ts'

/** Told of every set that was read, good or not. */
export interface PolicyListener {
  adopt(set: PolicySet): unknown
  refuse(problems: readonly string[]): void
}

const emptySet = readPolicies([], 'built-in')

/** The set with which a mesh begins, and the file from which later ones come. */
export class PolicySource {
  /** The first set: from code, from the file, or empty where the file is broken. */
  readonly first: PolicySet
  /** False where the first set is empty for want of any: nothing was given, or the file is broken. */
  readonly hasFirst: boolean
  /** Why the file's first content was refused; empty where it was not. */
  readonly firstProblems: readonly string[]
  readonly #file: WatchedFile | null
  #listener: PolicyListener | null = null

  /** @throws MeshError BAD_POLICY where policies given in code are wrong; a broken file is reported, not thrown */
  constructor(policy: string | object | readonly object[] | undefined, log: Log) {
    if (typeof policy !== 'string') {
      const reading = policy === undefined ? emptySet : readPolicies(policy, 'policy')
      if (!reading.ok) throw new MeshError({ code: 'BAD_POLICY', message: `createMesh: ${reading.problems.join('; ')}` })
      this.first = reading.set
      this.hasFirst = policy !== undefined
      this.firstProblems = []
      this.#file = null
      return
    }
    this.#file = new WatchedFile(policy, (text) => this.#read(text, policy))
    const reading = readFile(this.#file.readNow(), policy)
    this.first = reading.ok ? reading.set : emptyOf(emptySet)
    this.hasFirst = reading.ok
    this.firstProblems = reading.ok ? [] : reading.problems
    for (const problem of this.firstProblems) log.error(`policy refused, the built-in one holds: ${problem}`)
  }

  /** From now on `listener` hears of every change of the file. */
  follow(listener: PolicyListener): void {
    this.#listener = listener
  }

  close(): void {
    this.#listener = null
    this.#file?.close()
  }

  #read(text: string | Error, path: string): void {
    const reading = readFile(text, path)
    if (reading.ok) this.#listener?.adopt(reading.set)
    else this.#listener?.refuse(reading.problems)
  }
}

/** A reading, or a file that could not even be read. */
type FileReading = PolicyReading | Omit<Extract<PolicyReading, { ok: false }>, 'details'>

function readFile(text: string | Error, path: string): FileReading {
  if (text instanceof Error) return { ok: false, problems: [`${path}: cannot be read: ${text.message}`] }
  return readPolicies(text, path)
}

function emptyOf(reading: ReturnType<typeof readPolicies>): PolicySet {
  if (!reading.ok) throw new TypeError('an empty set of policies must be readable')
  return reading.set
}
