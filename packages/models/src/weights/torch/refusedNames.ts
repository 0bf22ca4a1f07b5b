/**
 * Names that only an attack puts into a file of weights. Nothing in a pickle is ever run here, so
 * this list keeps nobody safe: it is there to say that the
 * file should not be given to a program that does run it.
 */
const modules = [
  '_pickle',
  'asyncio',
  'bdb',
  'code',
  'commands',
  'ctypes',
  'ftplib',
  'http',
  'importlib',
  'marshal',
  'multiprocessing',
  'nt',
  'os',
  'pdb',
  'pickle',
  'pip',
  'popen2',
  'posix',
  'pty',
  'requests',
  'runpy',
  'shutil',
  'signal',
  'smtplib',
  'socket',
  'subprocess',
  'sys',
  'timeit',
  'types.CodeType',
  'types.FunctionType',
  'urllib',
  'webbrowser',
];

const builtins = [
  '__import__',
  'breakpoint',
  'compile',
  'delattr',
  'eval',
  'exec',
  'execfile',
  'globals',
  'input',
  'open',
  'setattr',
];

export function isRefused(name: string): boolean {
  const [, builtin] = /^(?:__builtin__|builtins)\.(.+)$/.exec(name) ?? [];
  if (builtin !== undefined) return builtins.includes(builtin);
  return modules.some((module) => name === module || name.startsWith(`${module}.`));
}
