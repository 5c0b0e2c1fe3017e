import { grpc } from './grpc/grpc-wire.ts'
import { playAborts } from './play-aborts.ts'

playAborts(grpc)
