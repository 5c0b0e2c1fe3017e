/** How services are named in the SPIFFE IDs of a mesh whose certificates somebody else makes: a form with a place for the service in it. */
import type { Identity } from '../kernel/identity.ts'
import { MeshError } from '../kernel/mesh-error.ts'
import { nameSchema } from '../policy/schema.ts'
import { readSpiffeId } from '../policy/spiffe-id.ts'

/** The form that services of a mesh with a control API of its own have. */
export const usualForm = 'spiffe://{trustDomain}/svc/{service}'

const domainPlace = '{trustDomain}'
const servicePlace = '{service}'

/**
 * Checks a form such as `spiffe://{trustDomain}/ns/default/dc/dc1/svc/{service}`.
 * @throws MeshError BAD_OPTIONS
 */
export function checkForm(form: unknown): string {
  const problem = problemOf(form)
  if (problem === '') return form as string
  throw new MeshError({ code: 'BAD_OPTIONS', message: `fileIdentity: idOf: ${problem}` })
}

/** Reads and writes IDs of a form in one trust domain. */
export function namesIn(form: string, trustDomain: string): Pick<Identity, 'idOf' | 'serviceOf'> {
  const [head = '', tail = ''] = form.replace(domainPlace, trustDomain).split(servicePlace)
  return {
    idOf: (service) => head + service + tail,
    serviceOf: (spiffeId) => {
      if (spiffeId.length < head.length + tail.length || !spiffeId.startsWith(head) || !spiffeId.endsWith(tail)) return ''
      const service = spiffeId.slice(head.length, spiffeId.length - tail.length)
      return nameSchema.safeParse(service).success ? service : ''
    },
  }
}

function problemOf(form: unknown): string {
  if (typeof form !== 'string') return 'expected a text'
  if (form.split(servicePlace).length !== 2) return `expected ${servicePlace} in it, once`
  const id = readSpiffeId(form.replace(domainPlace, 'trust.domain').replace(servicePlace, 'service'))
  return id.ok
    ? ''
    : `${JSON.stringify(form.slice(0, 200))} is no SPIFFE ID with places for ${domainPlace} and ${servicePlace}: ${id.problem}`
}
