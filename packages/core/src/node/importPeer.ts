import { expectedError } from '../errors.ts';

/**
 * An optional package, loaded when it is needed. @throws RangeError that says how to install it.
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
