import { http } from './http/http-wire.ts'
import { playAborts } from './play-aborts.ts'

playAborts(http)
