/** An answer over HTTP on its way from an attempt to the door, and what both stand on. */
import type { BottomSettings, MeshParts, Reply } from '@zerohop/mesh-core/transport'
import type { ReplyHeaders, StatusVerdicts } from './http-outcome.ts'
import type { IncomingBody } from './incoming-body.ts'

/** What all attempts of a destination under one policy have in common. */
export interface BottomGround {
  readonly parts: MeshParts
  readonly settings: BottomSettings
  readonly verdicts: StatusVerdicts
}

/** An answer over HTTP, as the door sees it. */
export interface HttpReply extends Reply {
  readonly code: number
  readonly statusText: string
  readonly headers: ReplyHeaders
  readonly body: IncomingBody
}
