/** An answer over gRPC on its way from an attempt to the door, and what both stand on. */
import type { Metadata, StatusObject } from '@grpc/grpc-js'
import type { BottomSettings, MeshParts, Outcome, Reply } from '@zerohop/mesh-core/transport'
import type { StatusVerdicts } from './grpc-outcome.ts'
import type { AuthContext } from './inner-channel.ts'

export type { AuthContext }

/** What all attempts of a destination under one policy have in common. */
export interface BottomGround {
  readonly parts: MeshParts
  readonly settings: BottomSettings
  readonly verdicts: StatusVerdicts
}

/** Whoever takes an answer: the door. */
export interface ReplyReader {
  /** The server's metadata; not called where its answer is nothing but a status. */
  tookMetadata(metadata: Metadata): void
  tookMessage(message: Buffer): void
  /** The server's status, after everything else. */
  tookStatus(status: StatusObject): void
  /** Or else: there will be no status, for the reason that `end` gives. */
  brokeOff(end: Outcome): void
}

/** An answer as the door sees it. */
export interface GrpcReply extends Reply {
  /** Hands over what is here already, and from now on whatever comes. */
  deliver(reader: ReplyReader): void
  /** The reader has room for one message. */
  read(): void
  /** Who is at the other end, as grpc-js tells its clients; null where nobody is. */
  authContext(): AuthContext | null
}
