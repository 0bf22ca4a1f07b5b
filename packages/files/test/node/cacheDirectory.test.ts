import { cacheDirectory } from '@kd/files/node';
import { expect, test } from 'vitest';
import { cacheDirectoryFor } from '../../src/node/cacheDirectory.ts';

const rows: [string, NodeJS.Platform, Record<string, string>, string][] = [
  ['/home/ada/.cache/kd', 'linux', {}, '/home/ada'],
  ['/fast/kd', 'linux', { XDG_CACHE_HOME: '/fast' }, '/home/ada'],
  ['/home/ada/.cache/kd', 'linux', { XDG_CACHE_HOME: 'relative' }, '/home/ada'],
  ['/home/ada/.cache/kd', 'linux', { XDG_CACHE_HOME: '', KD_CACHE: '' }, '/home/ada'],
  ['/data/sets', 'linux', { XDG_CACHE_HOME: '/fast', KD_CACHE: '/data/sets' }, '/home/ada'],
  ['/Users/ada/Library/Caches/kd', 'darwin', {}, '/Users/ada'],
  [
    'C:\\Users\\ada\\AppData\\Local\\kd',
    'win32',
    { LOCALAPPDATA: 'C:\\Users\\ada\\AppData\\Local' },
    'C:\\Users\\ada',
  ],
  ['C:\\Users\\ada\\AppData\\Local\\kd', 'win32', {}, 'C:\\Users\\ada'],
  ['D:\\sets', 'win32', { KD_CACHE: 'D:\\sets' }, 'C:\\Users\\ada'],
];

test.each(rows)('%s on %s with %j', (folder, platform, environment, home) => {
  expect(cacheDirectoryFor(platform, environment, home)).toBe(folder);
});

test('the environment of this process is read', () => {
  process.env.KD_CACHE = '/data/sets';
  expect(cacheDirectory()).toMatch(/[\\/]data[\\/]sets$/);
  delete process.env.KD_CACHE;
});
