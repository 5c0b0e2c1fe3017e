import { http } from './http/http-wire.ts'
import { playList } from './play-list.ts'
import { socketsStage } from './sockets-stage.ts'

playList(http, 'sockets', socketsStage)
