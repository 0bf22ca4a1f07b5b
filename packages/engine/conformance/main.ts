/**
 * `npm run conformance -w @kd/engine`: TensorFlow.js core's own tests on one of our engines. Ends
 * with `N passed, N failed, N excluded`; the exit status
 * is 1 where one failed. See README.md.
 */
import { writeFile } from 'node:fs/promises';
import { startEngine } from '../src/index.ts';
import { parseCommandLine } from './commandLine.ts';
import { readExclusions } from './exclusions.ts';
import { reportLines } from './report.ts';
import { runSuite } from './run.ts';

const options = parseCommandLine(process.argv.slice(2));
const exclusions = await readExclusions(options.engine);
await startEngine({ engine: options.engine });
const outcomes = await runSuite(options, exclusions);
if (options.json !== undefined)
  await writeFile(
    options.json,
    `${JSON.stringify({ engine: options.engine, tests: outcomes }, null, 1)}\n`,
  );
for (const line of await reportLines(options.engine, outcomes)) console.log(line);
process.exitCode = outcomes.some(({ status }) => status === 'failed') ? 1 : 0;
