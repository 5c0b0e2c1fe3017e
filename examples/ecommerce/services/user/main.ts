/** The users: who buys here, and by which card they pay. */
import { serveAdmin } from '../../web/admin.ts'
import { checkedName } from '../../web/fields.ts'
import { Problem } from '../../web/problem.ts'
import { router } from '../../web/router.ts'
import { Accounts } from './accounts.ts'
import { mesh, serve } from './mesh.ts'

const accounts = new Accounts()

await serveAdmin(mesh)

const server = await serve(
  router({
    'GET /users/:user': ({ params }) => {
      const account = accounts.find(checkedName(params.user, 'user'))
      if (account === undefined) throw new Problem(404, `there is no user ${params.user}`)
      return { body: account }
    },
  }),
)
console.log(`listening on 127.0.0.1:${server.port} for HTTP`)
