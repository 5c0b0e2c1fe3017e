/** What the certificates of a connection had left when a request began on it: the least of all requests. */

/** One per mesh. */
export class LeastLeft {
  /** Infinity while no request has begun on a secured connection; below 0 where one began after a certificate had expired. */
  ms = Number.POSITIVE_INFINITY

  /** A request begins on a connection of which the first certificate expires in so long; Infinity over plaintext. */
  saw(leftMs: number): void {
    if (leftMs < this.ms) this.ms = leftMs
  }
}
