import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from './process.ts';

/** What the closing line counts. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** The modes of vitest.config.ts: without `*.slow.test.ts`, these alone, or every file. */
export type TestSelection = 'quick' | 'slow' | 'all';

/** Runs every vitest project, visibly. @param directory For the report. */
export async function runUnitTests(selection: TestSelection, directory: string): Promise<Counts> {
  const file = join(directory, 'vitest.json');
  const { ok } = await runTool(
    'vitest',
    [
      'run',
      ...['--mode', selection],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    ],
    { visible: true },
  );
  const report = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => undefined,
  );
  const counts = report === undefined ? { passed: 0, failed: 1, skipped: 0 } : countTests(report);
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** A file that could not be loaded holds no test, yet it failed: it counts as one. */
function countTests(report: Report): Counts {
  const broken = report.testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
  });
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
