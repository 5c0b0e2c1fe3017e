/** The four kinds of tests: beside the code, over every wire, through the whole system, and of the house itself. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'unit', sequence: { groupOrder: 0 }, include: ['packages/*/src/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'conformance', sequence: { groupOrder: 1 }, include: ['test/conformance/**/*.test.ts'], testTimeout: 30_000 },
      },
      {
        extends: true,
        test: {
          name: 'journeys',
          sequence: { groupOrder: 2 },
          include: ['test/journeys/**/*.test.ts'],
          testTimeout: 240_000,
          fileParallelism: false,
        },
      },
      { extends: true, test: { name: 'house', sequence: { groupOrder: 0 }, include: ['test/house/**/*.test.ts'], testTimeout: 120_000 } },
    ],
  },
})
