import type { Row } from './section.ts';
import type { ComparedStep } from './steps.ts';
import { AS_INSTALLED } from './variants.ts';

/**
 * Whether a step's goals are met, in words. @param rows Of the other variants; their `ratio` says
 * how many times as fast ours is.
 */
export function goalRemarks(
  { goals, markMs }: ComparedStep,
  ms: number,
  rows: readonly Row[],
): string[] {
  const theirs = rows.filter(
    ({ variant, ratio }) => variant.startsWith('PyTorch') && ratio !== null,
  ) as (Row & { ratio: number })[];
  const installed = theirs.find(({ variant }) => variant === AS_INSTALLED);
  const best = theirs.reduce<(typeof theirs)[number] | undefined>(
    (least, row) => (least === undefined || row.ratio < least.ratio ? row : least),
    undefined,
  );
  const remarks: string[] = [];
  if (goals !== undefined && installed !== undefined)
    remarks.push(atLeast(`Against PyTorch as installed`, installed.ratio, goals.asInstalled));
  if (goals !== undefined && best !== undefined)
    remarks.push(atLeast(`Against the best of PyTorch (${best.variant})`, best.ratio, goals.best));
  if (markMs !== undefined)
    remarks.push(`Goal ≤ ${markMs} ms: ${ms.toFixed(1)} ms, ${verdict(ms <= markMs)}.`);
  return remarks;
}

/** `met` or `missed`. */
export function verdict(ok: boolean): string {
  return ok ? 'met' : '**missed**';
}

function atLeast(what: string, ratio: number, goal: number): string {
  return `${what}: goal ≥ ${goal.toFixed(2)}, ${ratio.toFixed(2)}, ${verdict(ratio >= goal)}.`;
}
