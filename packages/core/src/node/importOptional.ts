import { expectedError } from '../errors.ts';

/**
 * Imports an optional package when it is needed.
 * @param name Name of the package, for the message.
 * @throws RangeError with the command that installs it, if it is missing or does not load.
 */
export async function importOptional<Module>(
  caller: string,
  name: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const got = code === 'ERR_MODULE_NOT_FOUND' ? 'no such package' : message;
    throw Object.assign(expectedError(caller, `the package ${name}`, got, `npm install ${name}`), {
      cause,
    });
  }
}
