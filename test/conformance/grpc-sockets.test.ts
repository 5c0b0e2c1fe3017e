import { grpc } from './grpc/grpc-wire.ts'
import { playList } from './play-list.ts'
import { socketsStage } from './sockets-stage.ts'

playList(grpc, 'sockets', socketsStage)
