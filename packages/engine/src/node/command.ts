/** The entry point of `kd-engine`. */
import { engineCommand } from './engineCommand.ts';

process.exitCode = await engineCommand(process.argv.slice(2));
