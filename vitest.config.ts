import { defineConfig } from 'vitest/config'

// Tests import the packages through their built doors (`pnpm test` builds first);
// unit tests beside a file import that file.
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['test/harness/bundle-cli.ts'],
    pool: 'forks',
    maxWorkers: 2
  }
})
