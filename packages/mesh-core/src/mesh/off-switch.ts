/** The switch in the environment that turns every mesh of a process off. */
import type { Log } from '../kernel/log.ts'

/** True where it stands at off: `MESH_DISABLE=1`. */
export function isTurnedOff(): boolean {
  return process.env.MESH_DISABLE === '1'
}

/**
 * Says so where it stands at off, for it may have been set by mistake; and where it stands nowhere: whoever wrote `true` believes that the mesh is
 * off, and looks for the fault elsewhere.
 */
export function tellOfSwitch(log: Log): void {
  const { MESH_DISABLE: value = '' } = process.env
  if (value === '' || value === '0') return
  if (value === '1') log.warn('MESH_DISABLE=1: the mesh is off, and with it everything that its policies protect')
  else log.warn(`MESH_DISABLE is ${JSON.stringify(value)}, and the mesh stays on: write MESH_DISABLE=1 to turn it off`)
}
