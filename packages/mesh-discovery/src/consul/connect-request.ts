/** The two questions about Connect's certificates, which the package does not have, and what may be answered to them. */
import type Consul from 'consul'
import { z } from 'zod'
import type { CommonFields } from './consul-client.ts'

/** What is asked for. */
export type ConnectPart = 'leaf' | 'roots'

const pem = z.string().min(1).max(262_144)

const leafSchema = z.object({ CertPEM: pem, PrivateKeyPEM: z.string().min(1).max(16_384) })
const rootsSchema = z.object({
  Roots: z
    .array(z.object({ RootCert: pem }))
    .min(1)
    .max(64),
})

/** A certificate with its key; in PEM. */
export interface ConnectLeaf {
  readonly certificate: string
  readonly key: string
}

interface Underway {
  readonly err?: Error & { response?: unknown }
  readonly res?: { readonly body?: unknown }
}

/** What the package's own methods stand on; its types leave it out. */
interface PapiGet {
  _get(options: object, ended: (request: Underway, next: (...result: unknown[]) => void) => void): Promise<unknown>
}

/** Asks for the leaf of `service`, or for the roots; the answer's body stays bytes, for what a parser says of one may show the key. */
export function askConnect(consul: Consul, part: ConnectPart, { service, index, wait, token, ctx }: CommonFields): Promise<unknown> {
  const options = {
    name: `agent.connect.ca.${part}`,
    path: part === 'roots' ? '/agent/connect/ca/roots' : '/agent/connect/ca/leaf/{service}',
    params: part === 'roots' ? {} : { service },
    query: index === undefined ? {} : { index, wait },
    headers: token === undefined ? {} : { 'x-consul-token': token },
    ctx,
    buffer: true,
  }
  return (consul as unknown as PapiGet)._get(options, ({ err, res }, next) => {
    if (err === undefined) return next(false, undefined, [res, res?.body])
    err.response = res
    next(false, err)
  })
}

/** @throws Error with the middle of a sentence, without anything of the body */
export function readLeaf(body: unknown): ConnectLeaf {
  const { CertPEM, PrivateKeyPEM } = read(body, leafSchema)
  return { certificate: CertPEM, key: PrivateKeyPEM }
}

/** All roots that are believed, those of a rotation under way included. @throws Error as above */
export function readRoots(body: unknown): string {
  return read(body, rootsSchema)
    .Roots.map(({ RootCert }) => RootCert)
    .join('\n')
}

function read<T>(body: unknown, schema: z.ZodType<T>): T {
  let value: unknown
  try {
    value = JSON.parse(String(body))
  } catch {
    throw new Error('the answer is no JSON')
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new Error(`the answer has no ${result.error.issues[0]?.path.join('.') || 'fields'} that can be read`)
}
