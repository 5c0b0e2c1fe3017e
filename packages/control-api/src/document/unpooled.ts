/** Bytes in memory of their own. */

/**
 * The pieces as one buffer that nothing else shares. Node cuts small buffers from slabs of 64 kB, and zlib its results from 16 kB: a piece that is
 * kept would keep all of that, and answers by the thousand would leave slabs behind that the C heap never fills again.
 */
export function unpooled(pieces: readonly Buffer[]): Buffer {
  const whole = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) at += piece.copy(whole, at)
  return whole
}
