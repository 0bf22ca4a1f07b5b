import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'vitest';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * Runs a suite in an installed Chromium: the one of `KD_CHROMIUM`, or the first on the PATH. Where
 * there is none, it is one skipped test that says so; where `KD_REQUIRE_BROWSERS=chromium` names
 * it, it is a failed one.
 * @param suite Gets the path of the program.
 */
export function onChromium(suite: (executablePath: string) => void): void {
  const program = findChromium();
  const isRequired = (process.env.KD_REQUIRE_BROWSERS ?? '').split(',').includes('chromium');
  describe('in Chromium', () => {
    if (program !== undefined) suite(program);
    else if (isRequired)
      test('Chromium is installed', () => {
        throw new Error(
          `onChromium: expected ${names.join(' or ')} on the PATH (KD_REQUIRE_BROWSERS names it), got none; apt-get install chromium.`,
        );
      });
    else test('Chromium is not installed here', ({ skip }) => skip());
  });
}

/** Finds an installed Chromium: the one of `KD_CHROMIUM`, or the first on the PATH. */
export function findChromium(): string | undefined {
  const directories = (process.env.PATH ?? '').split(path.delimiter);
  const candidates = names.flatMap((name) => directories.map((folder) => path.join(folder, name)));
  return [process.env.KD_CHROMIUM, ...candidates].find(
    (file) => file !== undefined && isProgram(file),
  );
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
