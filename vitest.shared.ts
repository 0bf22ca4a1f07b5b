import { defaultServerConditions } from 'vite';
import type { UserProjectConfigExport } from 'vitest/config';

/**
 * What every package's tests share: sources are resolved through the `@kd/source` condition, one
 * process a file.
 */
export function project(name: string): UserProjectConfigExport {
  return {
    ssr: {
      resolve: {
        conditions: ['@kd/source', ...defaultServerConditions],
        externalConditions: ['@kd/source'],
      },
    },
    test: {
      name,
      include: ['test/**/*.test.ts'],
      pool: 'forks',
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  };
}
