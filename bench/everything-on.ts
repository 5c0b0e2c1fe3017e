/** The policy under which every bench measures: each layer of the call path at work, none of them in the way. */

/** All layers but breaker and outlier. */
export const layersOn = {
  timeout: '5s',
  attemptTimeout: '2s',
  limit: { outbound: { inFlight: 10_000, queue: 100 } },
  rateLimit: { outbound: { perSecond: 1_000_000, burst: 1_000_000 } },
  retry: { attempts: 3 },
  balance: 'least-loaded',
} as const

/** All layers, breaker and outlier with both of their criteria. */
export const everythingOn = {
  ...layersOn,
  breaker: { consecutiveFailures: 10, successRate: { below: 0.5 }, openFor: '30s' },
  outlier: { consecutiveFailures: 5, successRate: { below: 0.5 }, ejectFor: '30s' },
} as const

const { timeout, attemptTimeout, ...untimed } = everythingOn

/** The same where calls are streams: their silence and their length are bounded instead. */
export const everythingOnForStreams = { ...untimed, stream: { idle: '30s', total: '60s' } } as const

/** The layers of a server, none of them in the way. */
export const inboundOn = {
  limit: { inbound: { inFlight: 10_000, queue: 100 } },
  rateLimit: { inbound: { perSecond: 1_000_000, burst: 1_000_000 } },
} as const
