/** SPIFFE IDs: the grammar of the standard (https://github.com/spiffe/spiffe, SPIFFE-ID.md), and the form that services of this mesh have. */
import { z } from 'zod'

/** A SPIFFE ID, taken apart. */
export interface SpiffeId {
  /** Lower-case. */
  readonly trustDomain: string
  /** '' or with its leading slash; case matters. */
  readonly path: string
}

/** An ID, or the reason why a text is none. */
export type SpiffeIdReading = { readonly ok: true; readonly id: SpiffeId } | { readonly ok: false; readonly problem: string }

// The standard wants 2048 bytes supported, and allows no more to be demanded.
const longestId = 2048
const longestTrustDomain = 255
const domainForm = /^[a-z0-9._-]+$/
const segmentForm = /^[a-zA-Z0-9._-]+$/
const servicePath = '/svc/'
const controlPath = '/control'

/** The name of a trust domain, such as `shop.internal`. */
export const trustDomainSchema = z
  .string()
  .max(longestTrustDomain, `a trust domain has at most ${longestTrustDomain} characters`)
  .regex(domainForm, 'a trust domain has lower-case letters, digits, ".", "-" and "_"')

/** Reads a text as a SPIFFE ID. Never throws. */
export function readSpiffeId(text: string): SpiffeIdReading {
  if (text === '') return no('cannot be empty')
  if (text.length > longestId) return no(`is longer than ${longestId} characters`)
  if (!text.startsWith('spiffe://')) return no('scheme is missing or invalid')
  const slash = text.indexOf('/', 'spiffe://'.length)
  const trustDomain = slash === -1 ? text.slice('spiffe://'.length) : text.slice('spiffe://'.length, slash)
  const path = slash === -1 ? '' : text.slice(slash)
  if (trustDomain === '') return no('trust domain is missing')
  if (trustDomain.length > longestTrustDomain) return no(`the trust domain is longer than ${longestTrustDomain} characters`)
  if (!domainForm.test(trustDomain)) {
    return no('trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores')
  }
  const problem = pathProblem(path)
  return problem === '' ? { ok: true, id: { trustDomain, path } } : no(problem)
}

/** The ID of a service of the mesh: `spiffe://<trust domain>/svc/<service>`. */
export function serviceSpiffeId(trustDomain: string, service: string): string {
  return `spiffe://${trustDomain}${servicePath}${service}`
}

/** The service that an ID of `trustDomain` names; '' where it is of another domain, or names no service. */
export function serviceInSpiffeId(trustDomain: string, spiffeId: string): string {
  const head = `spiffe://${trustDomain}${servicePath}`
  const service = spiffeId.startsWith(head) ? spiffeId.slice(head.length) : ''
  return service.includes('/') ? '' : service
}

/** The ID of the control API itself: `spiffe://<trust domain>/control`. No service has it. */
export function controlSpiffeId(trustDomain: string): string {
  return `spiffe://${trustDomain}${controlPath}`
}

/** The trust domain of which an ID names the control API; '' where it names anybody else. */
export function controlInSpiffeId(spiffeId: string): string {
  const reading = readSpiffeId(spiffeId)
  return reading.ok && reading.id.path === controlPath ? reading.id.trustDomain : ''
}

function pathProblem(path: string): string {
  if (path === '') return ''
  const segments = path.slice(1).split('/')
  if (segments.at(-1) === '')
    return segments.length > 1 && segments.at(-2) === '' ? 'path cannot contain empty segments' : 'path cannot have a trailing slash'
  for (const segment of segments) {
    if (segment === '') return 'path cannot contain empty segments'
    if (segment === '.' || segment === '..') return 'path cannot contain dot segments'
    if (!segmentForm.test(segment)) return 'path segment characters are limited to letters, numbers, dots, dashes, and underscores'
  }
  return ''
}

function no(problem: string): SpiffeIdReading {
  return { ok: false, problem }
}
