/** The channel options of a program, as far as they reach the connections to its endpoints. */
import type { ChannelOptions } from '@grpc/grpc-js'
import { codingOf } from './message-coding.ts'

/** Options that were read; equal ones are one object, so that clients which ask for the same share their connections. */
export interface WireOptions {
  /** For the channels of grpc-js, complete. */
  readonly channel: ChannelOptions
  /** The `:authority` of all calls; null for the name of the service. */
  readonly authority: string | null
  /** How messages are compressed where the server understands it; `identity` for not at all. */
  readonly coding: string
  /** In bytes; -1: no bound. */
  readonly mostSentBytes: number
  /** As `grpc.max_receive_message_length`; undefined for grpc-js' default. */
  readonly mostReceivedBytes: number | undefined
  /** How long a connection may be without calls. */
  readonly idleMs: number
}

// As gRPC has it everywhere. HTTP/2 announces the end of a connection: there is no race for which it would have to end earlier.
const defaultIdleMs = 30 * 60_000
const longestIdleMs = 2 ** 31 - 1
// As grpc-js has it: with less a connection would do little but look at the clock.
const shortestIdleMs = 1000

// What reaches a connection. The rest concerns retries, balancing, names and TLS, which are the mesh's own.
const passed: readonly string[] = [
  'grpc.primary_user_agent',
  'grpc.secondary_user_agent',
  'grpc.keepalive_time_ms',
  'grpc.keepalive_timeout_ms',
  'grpc.keepalive_permit_without_calls',
  'grpc.max_receive_message_length',
  'grpc.enable_channelz',
  'grpc-node.max_session_memory',
  'grpc-node.flow_control_window',
]
const read: readonly string[] = [
  'grpc.default_authority',
  'grpc.default_compression_algorithm',
  'grpc.max_send_message_length',
  'grpc.client_idle_timeout_ms',
]

/** Reads options, once for each set of values. */
export class WireOptionTable {
  readonly #known = new Map<string, WireOptions>()

  of(given: ChannelOptions): WireOptions {
    const key = JSON.stringify([...passed, ...read].map((name) => given[name]))
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const options = wireOptions(given)
    this.#known.set(key, options)
    return options
  }
}

function wireOptions(given: ChannelOptions): WireOptions {
  const idleMs = given['grpc.client_idle_timeout_ms'] ?? defaultIdleMs
  return {
    channel: {
      // Nobody could tell the connections to the endpoints of a service apart there, and it costs time on every message.
      'grpc.enable_channelz': 0,
      ...Object.fromEntries(passed.filter((name) => given[name] !== undefined).map((name) => [name, given[name]])),
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      // A connection knows itself when it is idle.
      'grpc.client_idle_timeout_ms': longestIdleMs,
    },
    authority: given['grpc.default_authority'] ?? null,
    coding: codingOf(given['grpc.default_compression_algorithm']),
    mostSentBytes: given['grpc.max_send_message_length'] ?? -1,
    mostReceivedBytes: given['grpc.max_receive_message_length'],
    idleMs: Math.max(shortestIdleMs, Math.min(idleMs, longestIdleMs)),
  }
}
