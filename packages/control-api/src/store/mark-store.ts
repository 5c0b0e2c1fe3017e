/** Where numbers are kept that must never go backwards, whatever ends the process. */

/** Keeps high-water marks by name. A mark that was raised is durable when `raise` returns. */
export interface MarkStore {
  /** 0 where it was never raised. */
  get(name: string): number
  /** A lower value than the kept one changes nothing. */
  raise(name: string, value: number): void
}
