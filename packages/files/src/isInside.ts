/**
 * Whether a path with `/` stays inside its folder, on every platform: no part of it is empty, `.`
 * or `..`, and there is no `\`, `:` or NUL.
 */
export function isSafeRelativePath(path: string): boolean {
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part));
}
