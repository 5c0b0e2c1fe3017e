import { vi } from 'vitest'
import { directStage } from './direct-stage.ts'
import { grpc } from './grpc/grpc-wire.ts'
import { playList } from './play-list.ts'

// Deadlines of gRPC clients are times of day, which must stand still where the clock of the mesh does.
vi.useFakeTimers({ toFake: ['Date'] })

playList(grpc, 'direct', directStage)
