/** The door for clients of grpc-js: a channel that is a service of the mesh. */
import {
  Channel,
  type ChannelInterface,
  type ChannelOptions,
  credentials,
  propagate,
  type ServiceDefinition,
  connectivityState as State,
} from '@grpc/grpc-js'
import type { Mesh } from '@zerohop/mesh-core'
import { checked, nameSchema } from '@zerohop/mesh-core/policy'
import { partsOf } from '@zerohop/mesh-core/transport'
import { grpcWire } from './grpc-wire.ts'
import { MeshCall } from './mesh-call.ts'
import { methodTable } from './method-table.ts'
import type { CallGround } from './sending.ts'
import type { Told } from './state-watch.ts'

/**
 * What a channel may be told. The channel options of grpc-js that do not concern retries, balancing, name resolution or TLS pass through; with
 * `'grpc.enable_retries': 0` each call of the channel is made once, whatever the policy says.
 */
export interface MeshChannelOptions extends ChannelOptions {
  /** The definition of the service, as a generated client has it in `Client.service`: what its methods are like. Default: found out with each call. */
  definition?: ServiceDefinition
  /**
   * The methods whose second execution does no harm, by their names; true for all. Needs `definition`. Default: those whose proto says so by
   * `option idempotency_level`.
   */
  idempotent?: readonly string[] | true
  /** Where calls go when MESH_DISABLE=1 has turned the mesh off, such as `payment:9443`. Default: the name of the service. */
  address?: string
}

/**
 * A channel for `channelOverride`, with which any client of grpc-js goes over the mesh. It belongs to the mesh and ends with it.
 * @throws TypeError where no service can have that name, or `idempotent` names a method that the service has not
 */
export function meshChannel(mesh: Mesh, service: string, options: MeshChannelOptions = {}): ChannelInterface {
  const { definition, idempotent = [], address = service, ...channelOptions } = options
  if (definition === undefined && (idempotent === true || idempotent.length > 0)) {
    throw new TypeError('idempotent: needs the `definition` of the service')
  }
  const named = checked(nameSchema, service)
  if (!named.ok) throw new TypeError(`service: ${named.complaints[0]?.text}`)
  const parts = partsOf(mesh)
  if (parts.disabled) return new Channel(address, credentials.createInsecure(), channelOptions)
  const wire = grpcWire(parts)
  const methods = definition === undefined ? new Map() : methodTable(definition, idempotent)
  const once = channelOptions['grpc.enable_retries'] === 0
  return new MeshChannel(mesh, {
    service,
    parts,
    wire,
    options: wire.options.of(channelOptions),
    room: wire.roomOf(service),
    methods,
    once,
  })
}

type CreateCall = ChannelInterface['createCall']

class MeshChannel implements ChannelInterface {
  readonly #mesh: Mesh
  readonly #ground: CallGround
  #ready: Promise<void> | null = null
  #isReady = false

  constructor(mesh: Mesh, ground: CallGround) {
    this.#mesh = mesh
    this.#ground = ground
  }

  /** @throws TypeError where the deadline is neither a number nor a Date, as in grpc-js */
  createCall(...[path, deadline, host, parent, flags]: Parameters<CreateCall>): ReturnType<CreateCall> {
    if (typeof deadline !== 'number' && !(deadline instanceof Date)) {
      throw new TypeError('Channel#createCall: deadline must be a number or Date')
    }
    return new MeshCall(this.#ground, {
      path,
      deadline: Number(deadline),
      host: host ?? null,
      parent,
      flags: flags ?? propagate.DEFAULTS,
    })
  }

  /** Does nothing: the connections are the mesh's, and other clients of the service use them. */
  close(): void {}

  getTarget(): string {
    return this.#ground.service
  }

  /** READY once the mesh has read policy and endpoints: whether a server of the service is reached is found out with each call. */
  getConnectivityState(tryToConnect: boolean): State {
    if (this.#ground.parts.closing) return State.SHUTDOWN
    if (this.#isReady) return State.READY
    if (tryToConnect) this.#whenReady()
    return this.#ready === null ? State.IDLE : State.CONNECTING
  }

  watchConnectivityState(current: State, deadline: Date | number, callback: Told): void {
    const { parts, wire } = this.#ground
    // As grpc-js has it. Told of the one state that never changes, a client that waits to be ready would ask again for ever.
    if (parts.closing) throw new Error('Channel has been shut down')
    if (this.getConnectivityState(false) !== current) {
      process.nextTick(callback)
      return
    }
    const watch = wire.watches.add(Number(deadline) - Date.now(), callback)
    if (current !== State.READY) void this.#whenReady().then(() => watch.changed())
  }

  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return { kind: 'channel', id: 0, name: this.#ground.service } as ReturnType<ChannelInterface['getChannelzRef']>
  }

  #whenReady(): Promise<void> {
    this.#ready ??= this.#mesh.ready().then(() => {
      this.#isReady = true
    })
    return this.#ready
  }
}
