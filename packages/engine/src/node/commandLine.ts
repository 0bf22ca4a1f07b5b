import { parseArgs } from 'node:util';

/** What `kd-engine` was asked to do; or what is wrong, in one line. */
export type CommandLine = { readonly command: 'help' | 'doctor' | 'install' } | { readonly wrong: string };

export const usage = `kd-engine doctor     says which engines TensorFlow.js can train on here, and why not on the others
kd-engine install    fetches libtensorflow with pip into the cache (KD_CACHE), once
`;

/** Reads the arguments after `kd-engine`. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { help: { type: 'boolean', short: 'h' } }, allowPositionals: true });
    const [command, ...rest] = positionals;
    if (values.help) return { command: 'help' };
    if ((command === 'doctor' || command === 'install') && rest.length === 0) return { command };
    return unknown(positionals.join(' ') || 'nothing');
  } catch {
    // parseArgs throws at an option that it does not know.
    return unknown(args.join(' '));
  }
}

function unknown(got: string): CommandLine {
  return { wrong: `kd-engine: expected doctor or install, got ${got}; kd-engine --help says more.` };
}
