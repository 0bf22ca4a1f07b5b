/** The program `kd`, for bin/kd.js and for `npm run kd` in a clone. */
import { runCommandLine } from './commands/runCommandLine.ts';

process.exitCode = await runCommandLine(process.argv.slice(2));
