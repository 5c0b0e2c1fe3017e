/** The page of metrics is what a scraper and its linter accept. */
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { Call } from '../kernel/call.ts'
import { Outcome, refusal } from '../kernel/outcome.ts'
import { FAULT, OK, REFUSED } from '../kernel/verdict.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { Meter } from './meter.ts'
import { metricsRegistry, renderMetrics } from './prometheus.ts'

function filled(service = 'cart'): Meter {
  const meter = new Meter({ clock: fakeClock() })
  const call = new Call({ service, method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
  call.attempt = 2
  const about = { error: null, code: '', retryAfterMs: -1, staleConnection: false, open: false } as const
  const ok = new Outcome(call, OK, { ...about, reply: { status: '200', discard: () => {} }, at: 4 })
  const fault = new Outcome(call, FAULT, { ...about, reply: { status: '500', discard: () => {} }, at: 70_000 })
  const calls = meter.call('outbound', 'http', service)
  calls.settled(ok, OK, 0)
  calls.settled(ok, OK, 0)
  calls.settled(refusal(call, 'LIMIT_FULL', 0), REFUSED, 0)
  const attempts = meter.attempt('http', service).of('v1')
  attempts.settled(ok, OK, 0)
  attempts.settled(fault, FAULT, 0)
  meter.gauge('zerohop_calls_in_flight', 'Calls under way.', () => [{ labels: { service }, value: 3 }])
  return meter
}

interface Family {
  readonly type: string
  readonly help: string
  readonly samples: Map<string, number>
}

/** Reads a page as strictly as a scraper does, and refuses what `promtool check metrics` would complain of. */
function parsePage(page: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let name = ''
  let help = ''
  expect(page.endsWith('\n')).toBe(true)
  for (const line of page.split('\n')) {
    if (line === '') continue
    const head = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
    if (head !== null) {
      name = head[2] as string
      if (head[1] === 'HELP') help = head[3] as string
      else {
        expect(families.has(name)).toBe(false)
        expect(name.endsWith('_total')).toBe(head[3] === 'counter')
        expect(name).not.toMatch(/_(bucket|count|sum|milliseconds|ms|counter|gauge|histogram)$/)
        families.set(name, { type: head[3] as string, help, samples: new Map() })
      }
      continue
    }
    const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$/.exec(line)
    if (sample === null) throw new Error(`no sample: ${line}`)
    expect(sample[1]).toMatch(new RegExp(`^${name}(_bucket|_sum|_count)?$`))
    const family = families.get(name) as Family
    const key = `${sample[1]}${sample[2] ?? ''}`
    expect(family.samples.has(key)).toBe(false)
    family.samples.set(key, Number(sample[3] === '+Inf' ? Number.POSITIVE_INFINITY : sample[3]))
  }
  return families
}

describe('the page of metrics', () => {
  it('shows calls and attempts by verdict and status, retries and gauges', async () => {
    const page = parsePage(await renderMetrics(filled()))
    const outbound = 'direction="outbound",protocol="http",service="cart"'
    expect(Object.fromEntries(page.get('zerohop_calls_total')?.samples ?? [])).toEqual({
      [`zerohop_calls_total{verdict="ok",status="200",${outbound}}`]: 2,
      [`zerohop_calls_total{verdict="refused",status="LIMIT_FULL",${outbound}}`]: 1,
    })
    expect(Object.fromEntries(page.get('zerohop_attempts_total')?.samples ?? [])).toEqual({
      [`zerohop_attempts_total{verdict="ok",status="200",${outbound},version="v1"}`]: 1,
      [`zerohop_attempts_total{verdict="fault",status="500",${outbound},version="v1"}`]: 1,
    })
    expect([...(page.get('zerohop_call_retries_total')?.samples.values() ?? [])]).toEqual([3])
    expect(Object.fromEntries(page.get('zerohop_calls_in_flight')?.samples ?? [])).toEqual({ 'zerohop_calls_in_flight{service="cart"}': 3 })
  })

  it('shows cumulative histograms in seconds, what was answered apart from what failed', async () => {
    const samples = parsePage(await renderMetrics(filled())).get('zerohop_attempt_duration_seconds')?.samples as Map<string, number>
    const labels = 'direction="outbound",protocol="http",service="cart",version="v1"'
    const value = (suffix: string, result: string, le = ''): number | undefined =>
      samples.get(`zerohop_attempt_duration_seconds_${suffix}{${le === '' ? '' : `le="${le}",`}${labels},result="${result}"}`)
    expect(value('bucket', 'answered', '0.003')).toBe(0)
    expect(value('bucket', 'answered', '0.005')).toBe(1)
    expect(value('bucket', 'answered', '60')).toBe(1)
    expect(value('sum', 'answered')).toBe(0.004)
    expect(value('bucket', 'failed', '60')).toBe(0)
    expect(value('bucket', 'failed', '+Inf')).toBe(1)
    expect(value('count', 'failed')).toBe(1)
    expect(value('sum', 'failed')).toBe(70)
  })

  it('is read anew at every scrape, and has no series for what never happened', async () => {
    const meter = new Meter({ clock: fakeClock() })
    const registry = metricsRegistry(meter)
    meter.call('outbound', 'http', 'idle')
    expect(await registry.metrics()).not.toContain('zerohop_calls_total{')
    const call = new Call({ service: 'idle', method: 'GET', path: '/', kind: 'unary', message: null, replayable: true, idempotent: true })
    meter.call('outbound', 'http', 'idle').settled(refusal(call, 'NO_ENDPOINT', 0), REFUSED, 0)
    expect(await registry.metrics()).toContain('status="NO_ENDPOINT",direction="outbound",protocol="http",service="idle"} 1')
    meter.forget('idle')
    expect(await registry.metrics()).not.toContain('idle')
  })

  it('survives a service name that tries to break out of its label', async () => {
    const page = await renderMetrics(filled('a"} 1\nevil_total{x="\\'))
    expect(page).not.toMatch(/^evil_total/m)
    parsePage(page)
  })

  it('joins a program’s own registry, as text, as data and as OpenMetrics', async () => {
    const merged = Registry.merge([new Registry(), metricsRegistry(filled())])
    parsePage(await merged.metrics())
    const json = (await merged.getMetricsAsJSON()) as unknown as { name: string; values: { labels: Record<string, string> }[] }[]
    expect(json.find(({ name }) => name === 'zerohop_calls_total')?.values[0]?.labels).toEqual({
      direction: 'outbound',
      protocol: 'http',
      service: 'cart',
      verdict: 'ok',
      status: '200',
    })
    const open = metricsRegistry(filled()) as unknown as Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    const text = await open.metrics()
    expect(text).toContain('# TYPE zerohop_calls counter')
    expect(text).toContain('zerohop_calls_total{verdict="ok"')
  })
})
