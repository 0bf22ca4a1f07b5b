/** The program `kd`, for bin/kd.js and for `npm run kd` in a clone. */
import { runCommandLine } from './commands/runCommandLine.ts';

// `kd … | head` closes the pipe: what is left to print is nobody's, the work goes on.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

process.exitCode = await runCommandLine(process.argv.slice(2));
