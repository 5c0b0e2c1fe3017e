/** The control API's part of a mesh, where its options name one. */
import { Control } from '../control/control.ts'
import { NodeControlHttp } from '../control/control-http.ts'
import { controlSettings } from '../control/control-options.ts'
import { sdkVersion } from '../control/sdk-version.ts'
import { runUnder } from '../kernel/ambient.ts'
import type { Clock, Random } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { untraced } from '../observe/otel.ts'
import type { MeshOptions } from './mesh-options.ts'
import { isTurnedOff } from './off-switch.ts'

/** What it stands on. */
export interface ControlGround {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly wallNow: () => number
}

/** Makes it; null where the options name no control API, and where the mesh is turned off. */
export function controlOf(options: MeshOptions, ground: ControlGround): Control | null {
  const settings = controlSettings(options)
  if (settings === null || isTurnedOff()) return null
  return new Control({
    ...ground,
    service: options.service,
    settings,
    own: options.discovery ?? null,
    http: new NodeControlHttp(),
    sdk: sdkVersion,
    aside: (work) => runUnder(null, () => untraced(work)),
  })
}
