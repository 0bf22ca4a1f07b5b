import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expectedError } from '@kd/core';
import { type Command, lastWords } from './contender.ts';

/**
 * Runs a process to its end that says lines of JSON. @param log Told each line.
 * @returns What its last line says. @throws Error with the end of what it wrote where it fails.
 */
export async function lastMessage<Message>(
  name: string,
  { program, args, environment }: Command,
  log: (line: string) => void,
): Promise<Message> {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  let last: string | undefined;
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = line;
    log(`${name}: ${line}`);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw expectedError(name, 'a process that ends well', lastWords(said) || `exit ${code}`);
  if (last === undefined)
    throw expectedError(name, 'a last line of JSON', 'a process that said nothing');
  return JSON.parse(last) as Message;
}
