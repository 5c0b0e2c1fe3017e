/** The options of `serveGrpc`, checked whole. */
import { isBoolean, type ServerOptions, type ServerSettings, serverOptionChecks, serverSettings } from '@zerohop/mesh-core/transport'

/** Set in code at start. */
export interface GrpcServerOptions extends ServerOptions {
  /**
   * Serves grpc.health.v1 beside the services, unless the server has one of its own, and lets everybody ask it: probes prove no identity.
   * Default true.
   */
  readonly health?: boolean
}

/** Options with every default filled in. */
export interface GrpcServerSettings extends ServerSettings {
  readonly health: boolean
}

const checks = { ...serverOptionChecks, health: isBoolean }

/**
 * Checks the options of `serveGrpc` and fills in the defaults.
 * @throws MeshError BAD_OPTIONS with all problems, unknown keys with a hint
 */
export function grpcServerSettings(server: unknown, options: GrpcServerOptions): GrpcServerSettings {
  const isServer = ['addService', 'register', 'createConnectionInjector'].every(
    (method) => typeof (server as Record<string, unknown> | null)?.[method] === 'function',
  )
  const problems = isServer ? [] : ['server: expected a Server of @grpc/grpc-js with its services added']
  return { ...serverSettings(options, { door: 'serveGrpc', problems, checks }), health: options.health ?? true }
}
