import { directStage } from './direct-stage.ts'
import { http } from './http/http-wire.ts'
import { playList } from './play-list.ts'

playList(http, 'direct', directStage)
