/** The channel options of a program, as far as they reach the channels to its endpoints. */
import type { ChannelOptions } from '@grpc/grpc-js'

/** Options that were read; equal ones are one object, so that clients which ask for the same share their connections. */
export interface WireOptions {
  /** For the channels of grpc-js, the size of messages sent left out. */
  readonly channel: ChannelOptions
  /** In bytes; -1: no bound. */
  readonly mostSentBytes: number
}

// What the mesh decides itself, or what has no meaning for a connection of a service; another value would be ignored anyhow.
const decided: ReadonlySet<string> = new Set([
  'grpc.service_config',
  'grpc.enable_retries',
  'grpc.per_rpc_retry_buffer_size',
  'grpc.retry_buffer_size',
  'grpc-node.retry_max_attempts_limit',
  'grpc.lb.ring_hash.ring_size_cap',
  'grpc.initial_reconnect_backoff_ms',
  'grpc.max_reconnect_backoff_ms',
  'grpc.dns_min_time_between_resolutions_ms',
  'grpc.service_config_disable_resolution',
  'grpc.use_local_subchannel_pool',
  'grpc.enable_http_proxy',
  'grpc.http_connect_target',
  'grpc.http_connect_creds',
  'grpc.ssl_target_name_override',
  'grpc.max_send_message_length',
])

/** Reads options, once for each set of values. */
export class WireOptionTable {
  readonly #known = new Map<string, WireOptions>()

  /** What of `given` concerns the wire; names beyond `grpc.` and `grpc-node.` are somebody else's, as a client's `interceptors` are. */
  of(given: ChannelOptions): WireOptions {
    const names = Object.keys(given).filter((name) => /^grpc[.-]/.test(name) && given[name] !== undefined)
    const key = JSON.stringify(names.sort().map((name) => [name, given[name]]))
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const read: WireOptions = {
      channel: Object.fromEntries(names.filter((name) => !decided.has(name)).map((name) => [name, given[name]])),
      mostSentBytes: (given['grpc.max_send_message_length'] as number | undefined) ?? -1,
    }
    this.#known.set(key, read)
    return read
  }
}
