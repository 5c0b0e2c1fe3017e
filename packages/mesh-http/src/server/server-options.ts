/** The options of `serveHttp`, checked whole. */
import {
  isFunction,
  isWhole,
  type ServerOptions,
  type ServerSettings,
  serverOptionChecks,
  serverSettings,
} from '@zerohop/mesh-core/transport'
import type { UpgradeHandler } from './upgrade.ts'

/** Set in code at start. */
export interface HttpServerOptions extends ServerOptions {
  /** What stands before `/livez` and `/readyz`, such as `/internal`; false for no health pages. Default: nothing. */
  readonly health?: string | false
  /** The longest head of a request, in bytes; a longer one gets 431. Default 16,384 (node's). */
  readonly maxHeaderBytes?: number
  /** Gets the connections that ask to leave HTTP, such as WebSockets. Without it such a request is served like any other. */
  readonly upgrade?: UpgradeHandler
}

/** Options with every default filled in. */
export interface HttpServerSettings extends ServerSettings {
  readonly health: string | null
  readonly maxHeaderBytes: number
  readonly upgrade: UpgradeHandler | null
}

const checks = {
  ...serverOptionChecks,
  health: (value: unknown) =>
    value === false || (typeof value === 'string' && /^(\/[^\s?#]*[^\s?#/])?$/.test(value))
      ? ''
      : 'expected a path such as "/internal", or false',
  maxHeaderBytes: isWhole(1024, 1_048_576),
  upgrade: isFunction,
}

/**
 * Checks the options of `serveHttp` and fills in the defaults.
 * @throws MeshError BAD_OPTIONS with all problems, unknown keys with a hint
 */
export function httpServerSettings(app: unknown, options: HttpServerOptions): HttpServerSettings {
  const problems =
    typeof app === 'function' ? [] : ['app: expected a function of (request, response), such as an Express app or `app.callback()` of Koa']
  return {
    ...serverSettings(options, { door: 'serveHttp', problems, checks }),
    health: options.health === false ? null : (options.health ?? ''),
    maxHeaderBytes: options.maxHeaderBytes ?? 16_384,
    upgrade: options.upgrade ?? null,
  }
}
