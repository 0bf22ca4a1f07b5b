import type { SessionServices } from '../run/context.ts';
import type { CommandLine, Flag, FlagName } from './flags.ts';

/** A command of `kd`. */
export interface Command {
  /** Name of its one argument that is no flag. */
  readonly operand?: string;
  readonly flags: readonly FlagName[];
  /** Of flags that mean something else here than in other commands. */
  readonly flagTexts?: Readonly<Partial<Record<FlagName, Flag>>>;
  /** What it does, in a sentence. */
  readonly about: string;
  /** Further paragraphs of its help page. */
  readonly notes: readonly string[];
  /** Tables whose names are listed in its help page. */
  readonly lists?: readonly ('architectures' | 'methods')[];
  /** Resolves to the exit code. */
  readonly run: (line: CommandLine, services: SessionServices) => Promise<number>;
}

/** How this program is started here: from its sources, or as the published package. */
export const invocation = import.meta.url.endsWith('.ts') ? 'npm run kd --' : 'npx @kd/cli';
