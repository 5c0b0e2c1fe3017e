/** The client of undici, and nothing else of it. */
import type { Client } from 'undici'
// Not by the package's front door: whoever enters there puts a dispatcher of undici's under the platform's own fetch, for the whole
// process.
// @ts-expect-error: undici declares its types at the front door only.
import PlainClient from 'undici/lib/dispatcher/client.js'

/** Speaks HTTP/1.1 over one connection. */
export const UndiciClient: typeof Client = PlainClient

/** Speaks HTTP/1.1 over one connection. */
export type UndiciClient = Client
