/** Where calls to one service go in: the compiled stack of the policy in force, replaced by one assignment. */
import type { Send } from '../kernel/layer.ts'

/** One service over one wire. A door keeps it and reads `send` anew for every call. */
export interface Destination {
  readonly service: string
  /** The compiled stack. */
  send: Send
  /** The part of it below what a call costs once. */
  onward: Send
  /** The policy in force, as errors and `explain` name it. */
  revision: string
}

/** The way into this process over one wire. */
export interface Inbound {
  /** The compiled inbound stack around the wire's own bottom. */
  send: Send
}
