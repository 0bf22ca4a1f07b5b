/** What came of the entries. */
export interface Report {
  readonly passed: number;
  /** One line for each difference. */
  readonly failures: readonly { readonly where: string; readonly why: readonly string[] }[];
  /** What is not implemented, by section and name, with how many entries. */
  readonly skipped: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Where the sections write. */
export interface Recorder {
  /** Runs one entry: it passes when no difference comes back; an error is a failure too. */
  check(
    section: string,
    id: string,
    run: () => readonly string[] | Promise<readonly string[]>,
  ): Promise<void>;
  /** An entry that we do not implement. @param name Of its kind. */
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

/** The lines to print; the last is `N passed, N failed, N skipped`. */
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
