/** The options of a test mesh and of its services, checked: what a test misspells would otherwise go untested. */
import { hintFor } from '../policy/did-you-mean.ts'

const ofMesh = ['seed', 'pauses', 'policy', 'service', 'zone', 'wire', 'authority', 'log']
const ofService = ['instances', 'versions', 'zones']

/** Gives them back. @throws TypeError that names what is not known */
export function checkMeshOptions<O extends object>(options: O): O {
  refuseUnknown('testMesh', options, ofMesh)
  return options
}

/** @throws TypeError that names what is not known, or says that there is no handler */
export function checkServiceOptions(name: string, options: unknown, handler: unknown): void {
  if (typeof handler !== 'function')
    throw new TypeError(`t.service: "${name}" has no handler: it is the third argument, behind the options`)
  if (typeof options !== 'object' || options === null)
    throw new TypeError('t.service: expected options as the second argument, {} for none')
  refuseUnknown('t.service', options, ofService)
}

function refuseUnknown(door: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new TypeError(`${door}: unknown option \`${unknown}\`${hintFor(unknown, known)}`)
}
