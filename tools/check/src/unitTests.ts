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

/** Runs every vitest project, visibly. @param folder For the report. */
export async function unitTests(folder: string): Promise<Counts> {
  const file = join(folder, 'vitest.json');
  const { ok } = await runTool(
    'vitest',
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    { visible: true },
  );
  const report = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => undefined,
  );
  const counts = report === undefined ? { passed: 0, failed: 1, skipped: 0 } : countsOf(report);
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** A file that could not be loaded holds no test, yet it failed: it counts as one. */
function countsOf(report: Report): Counts {
  const broken = report.testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
  });
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
