/** The little of grpc.health.v1 that services of cases speak: the server as a whole is well, and of any one service it knows nothing. */

/** The method of the checks. */
export const healthPath = '/grpc.health.v1.Health/Check'

// HealthCheckResponse: field 1, a varint.
const serving = Buffer.from([0x08, 1])
const serviceUnknown = Buffer.from([0x08, 3])

/** True for a call that is a check. */
export function isHealthCheck(path: string): boolean {
  return path === healthPath
}

/** Answers a HealthCheckRequest; it is empty where it is about no single service. */
export function healthAnswer(request: Buffer): Buffer {
  return request.length === 0 ? serving : serviceUnknown
}
