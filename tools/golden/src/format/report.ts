/** The results of all entries. */
export interface Report {
  readonly passed: number;
  /** One line for each difference. */
  readonly failures: readonly { readonly where: string; readonly why: readonly string[] }[];
  /** Number of entries that are not implemented, by section and name. */
  readonly skipped: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The interface that the sections report to. */
export interface Recorder {
  /** Runs one entry: it passes if it returns no differences; an error is a failure too. */
  check(
    section: string,
    id: string,
    run: () => readonly string[] | Promise<readonly string[]>,
  ): Promise<void>;
  /** Reports an entry that is not implemented, by the name of its kind. */
  skip(section: string, name: string): void;
  report(): Report;
}

export function recorder(): Recorder {
  let passed = 0;
  const failures: { where: string; why: readonly string[] }[] = [];
  const skipped: Record<string, Record<string, number>> = {};
  return {
    async check(section, id, run) {
      const why = await differencesOf(run);
      if (why.length === 0) passed++;
      else failures.push({ where: `${section} ${id}`, why });
    },
    skip(section, name) {
      const names = skipped[section] ?? {};
      skipped[section] = { ...names, [name]: (names[name] ?? 0) + 1 };
    },
    report: () => ({ passed, failures, skipped }),
  };
}

/** Returns the lines to print; the last is `N passed, N failed, N skipped`. */
export function linesOf({ passed, failures, skipped }: Report): string[] {
  const failed = failures.flatMap(({ where: caller, why }) =>
    why.map((line) => `FAILED ${caller}: ${line}`),
  );
  const missing = Object.entries(skipped).map(
    ([section, names]) => `  ${section}: ${Object.entries(names).map(counted).join(', ')}`,
  );
  const skips = Object.values(skipped).flatMap((names) => Object.values(names));
  const total = skips.reduce((sum, count) => sum + count, 0);
  return [
    ...failed,
    ...(missing.length > 0 ? ['not implemented:', ...missing] : []),
    `${passed} passed, ${failures.length} failed, ${total} skipped`,
  ];
}

function counted([name, count]: [string, number]): string {
  return count === 1 ? name : `${name} ×${count}`;
}

async function differencesOf(
  run: () => readonly string[] | Promise<readonly string[]>,
): Promise<readonly string[]> {
  try {
    return await run();
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
