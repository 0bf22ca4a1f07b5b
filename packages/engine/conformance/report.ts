import type { EngineName } from '../src/index.ts';
import { upstreamExcludes } from './exclusions.ts';
import type { Outcome } from './run.ts';

/** Lines about failures and exclusions with their reasons, and the comparison with upstream. */
export async function reportLines(
  engine: EngineName,
  outcomes: readonly Outcome[],
): Promise<string[]> {
  const of = (status: Outcome['status']): Outcome[] =>
    outcomes.filter((outcome) => outcome.status === status);
  const [passed, failed, excluded] = [of('passed'), of('failed'), of('excluded')];
  return [
    ...failed.map(
      ({ name, message }) => `FAILED  ${name}\n        ${message?.replaceAll('\n', '\n        ')}`,
    ),
    ...[...reasons(excluded)].map(
      ([reason, names]) =>
        `excluded ${names.length}: ${reason}\n        ${names.join('\n        ')}`,
    ),
    ...(engine === 'tensorflow' ? await comparison(outcomes, excluded) : []),
    `${passed.length} passed, ${failed.length} failed, ${excluded.length} excluded`,
  ];
}

function reasons(excluded: readonly Outcome[]): Map<string, string[]> {
  const grouped = new Map<string, string[]>();
  for (const { name, message = '' } of excluded)
    grouped.set(message, [...(grouped.get(message) ?? []), name]);
  return grouped;
}

async function comparison(
  outcomes: readonly Outcome[],
  excluded: readonly Outcome[],
): Promise<string[]> {
  const excludes = await upstreamExcludes();
  const count = (some: readonly Outcome[]): number =>
    some.filter(({ fullName }) => excludes(fullName)).length;
  return [
    `upstream's tfjs-node excludes ${count(outcomes)} of these ${outcomes.length} tests, we ${excluded.length}, ${count(excluded)} of which it excludes too`,
  ];
}
