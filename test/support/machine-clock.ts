/** The clock that all processes of a machine share. */

/** Milliseconds since some moment before any of the processes began. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
