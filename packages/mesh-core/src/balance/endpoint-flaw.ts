/** What is wrong with an endpoint as a discovery tells it: one that cannot be called must not be drawn. */
import type { EndpointInfo } from '../kernel/discovery.ts'

// A weight beyond would make sums of weights inexact.
const heaviest = 1_000_000

// Whatever a connection could be told; discoveries are stricter in what they take from people.
const addressForm = /^(\[[0-9A-Fa-f:.%\w]+\]|[^\s[\]/?#@:]+):(\d{1,5})$/

/** What is wrong, as the end of a sentence; '' where nothing is. @param isKnown the address has been judged before */
export function endpointFlaw(info: EndpointInfo, isKnown: boolean): string {
  if (typeof info !== 'object' || info === null) return 'is no object'
  return (isKnown ? '' : addressFlaw(info)) || shareFlaw(info)
}

function addressFlaw(info: EndpointInfo): string {
  const port = typeof info.address === 'string' ? Number(addressForm.exec(info.address)?.[2] ?? 0) : 0
  return port < 1 || port > 65_535 ? `has no address of the form host:port: ${shown(info.address)}` : ''
}

function shareFlaw(info: EndpointInfo): string {
  if (typeof info.labels !== 'object' || info.labels === null) return `has no labels: ${shown(info.labels)}`
  if (typeof info.weight !== 'number' || !(info.weight >= 0 && info.weight <= heaviest)) {
    return `has no weight from 0 to ${heaviest}: ${shown(info.weight)}`
  }
  return ''
}

function shown(value: unknown): string {
  return (typeof value === 'string' ? JSON.stringify(value) : String(value)).slice(0, 80)
}
