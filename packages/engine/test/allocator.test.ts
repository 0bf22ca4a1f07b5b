import { describe, expect, test } from 'vitest';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { runNode } from './child.ts';

/**
 * glibc's settings, which musl and macOS lack. TensorFlow's own pool for oneDNN has none of these
 * faults: they come with what JavaScript makes, hence op by op.
 */
describe.skipIf('reason' in locateLibrary() || process.platform !== 'linux')(
  'memory that is freed',
  () => {
    /** The middle one of the steps after the first four, in which memory grows. */
    const faultsPerStep = (environment: Readonly<Record<string, string | undefined>>): number => {
      const { status, stdout, stderr } = runNode('test/fixtures/pageFaults.ts', [], {
        KD_COMPILE: 'off',
        ...environment,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const later = (JSON.parse(stdout) as number[]).slice(4).sort((a, b) => a - b);
      return later[Math.floor(later.length / 2)] as number;
    };

    test('stays with the process for the next step, unless KD_MALLOC=off', () => {
      const [kept, givenBack] = [
        faultsPerStep({ KD_MALLOC: undefined }),
        faultsPerStep({ KD_MALLOC: 'off' }),
      ];
      const pagesOfActivation = 2 ** 24 / 4096;
      expect(givenBack).toBeGreaterThan(pagesOfActivation / 2);
      expect(kept).toBeLessThan(pagesOfActivation / 10);
    });
  },
);
