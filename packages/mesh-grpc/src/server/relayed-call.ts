/** A call between grpc-js' own and a handler, which hands down what the handler says. */
import type { InterceptingCall, InterceptingListener } from './grpc-host.ts'

/** Metadata, as a head or as trailers. */
export type Fields = Parameters<InterceptingCall['sendMetadata']>[0]

/** How a handler ends a call. */
export type EndedCall = Parameters<InterceptingCall['sendStatus']>[0]

/** All that is asked of a call, answered by the one below. */
export class RelayedCall implements InterceptingCall {
  /** grpc-js' call, below. */
  protected readonly wire: InterceptingCall

  constructor(wire: InterceptingCall) {
    this.wire = wire
  }

  start(listener: InterceptingListener): void {
    this.wire.start(listener)
  }

  sendMetadata(metadata: Fields): void {
    this.wire.sendMetadata(metadata)
  }

  sendMessage(message: unknown, callback: () => void): void {
    this.wire.sendMessage(message, callback)
  }

  sendStatus(status: EndedCall): void {
    this.wire.sendStatus(status)
  }

  startRead(): void {
    this.wire.startRead()
  }

  getPeer(): string {
    return this.wire.getPeer()
  }

  getDeadline(): ReturnType<InterceptingCall['getDeadline']> {
    return this.wire.getDeadline()
  }

  getHost(): string {
    return this.wire.getHost()
  }

  getAuthContext(): ReturnType<InterceptingCall['getAuthContext']> {
    return this.wire.getAuthContext()
  }

  getConnectionInfo(): ReturnType<InterceptingCall['getConnectionInfo']> {
    return this.wire.getConnectionInfo()
  }

  getMetricsRecorder(): ReturnType<InterceptingCall['getMetricsRecorder']> {
    return this.wire.getMetricsRecorder()
  }
}
