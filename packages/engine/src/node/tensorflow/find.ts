/**
 * Where libtensorflow lies: a folder that the user names, our cache, an installed Python's package.
 */
import { librariesIn } from './library.ts';
import { pythonTensorflow } from './python.ts';
import {
  type Build,
  installationsFolder,
  installedVersions,
  isVersion,
  isVersionOf,
  versionForm,
} from './versions.ts';

export type Found =
  | { readonly folder: string; readonly from: 'KD_LIBTENSORFLOW' | 'Python' }
  | {
      readonly folder: string;
      readonly from: 'cache';
      readonly version: string;
      readonly build: Build;
    };

/**
 * Looks in all three places, in this order; of several versions in the cache, the newest, or the
 * one that `KD_TENSORFLOW_VERSION` names.
 * What the user named and is not there is an answer too: nothing else is looked for.
 */
export function findTensorflow(): Found | { readonly reason: string } {
  const named = process.env.KD_LIBTENSORFLOW;
  if (named) {
    const found = librariesIn(named);
    return 'folder' in found
      ? { ...found, from: 'KD_LIBTENSORFLOW' }
      : { reason: `KD_LIBTENSORFLOW names it, but ${found.reason}` };
  }
  const asked = process.env.KD_TENSORFLOW_VERSION;
  if (asked) return findVersion(asked);
  const [newest] = installedVersions();
  if (newest !== undefined) return { ...newest, from: 'cache' };
  const python = pythonTensorflow();
  if (python !== undefined) return { folder: python, from: 'Python' };
  const places = `KD_LIBTENSORFLOW is not set, there is none in ${installationsFolder()}, no Python here has tensorflow`;
  return { reason: `libtensorflow was not found: ${places}` };
}

function findVersion(asked: string): Found | { readonly reason: string } {
  if (!isVersion(asked))
    return { reason: `KD_TENSORFLOW_VERSION: expected ${versionForm}, got ${asked}` };
  const installed = installedVersions();
  const match = installed.find(({ version }) => isVersionOf(version, asked));
  if (match !== undefined) return { ...match, from: 'cache' };
  const others =
    installed.length === 0
      ? 'nothing'
      : [...new Set(installed.map(({ version }) => version))].join(', ');
  const remedy = `\`npx kd-engine install --version ${asked}\``;
  return {
    reason: `KD_TENSORFLOW_VERSION asks for ${asked}, but ${installationsFolder()} holds ${others}; ${remedy} brings it`,
  };
}
