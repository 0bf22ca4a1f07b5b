/**
 * What of a Python wheel of TensorFlow is needed, and whether it came whole.
 */
import { basename, join } from 'node:path';
import type { OpenProgress } from '@kd/core';
import type { Entry } from 'yauzl';
import { frameworkFile, libraryFile } from '../tensorflow/library.ts';
import { openZip, readEntry, unpackEntry, type Zip } from './zip.ts';

/** The package on PyPI whose wheel for this machine holds libtensorflow; or why there is none. */
export function wheelPackage(platform: string, architecture: string, isGlibc: boolean): { readonly name: string } | { readonly reason: string } {
  if (platform === 'linux' && architecture === 'x64' && isGlibc) return { name: 'tensorflow-cpu' };
  if (platform === 'linux' && architecture === 'arm64' && isGlibc) return { name: 'tensorflow' };
  if (platform === 'darwin' && architecture === 'arm64') return { name: 'tensorflow' };
  const here = `${platform} ${architecture}${platform === 'linux' && !isGlibc ? ' without glibc' : ''}`;
  return { reason: `there is no wheel with libtensorflow for ${here}; there is for Linux (glibc) x64 and arm64 and for macOS arm64` };
}

/** Unpacks the two libraries into a folder and holds them against the wheel's own RECORD. @throws Error that names the file that is not whole. */
export async function unpackLibraries(wheel: string, folder: string, openProgress?: OpenProgress): Promise<void> {
  const zip = await openZip(wheel);
  try {
    const record = await readRecord(zip);
    const entries = [libraryFile, frameworkFile].map((file) => entryOf(zip, `tensorflow/${file}`));
    const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    const progress = openProgress?.('unpacking libtensorflow', total, 'B');
    let done = 0;
    for (const entry of entries) {
      const found = await unpackEntry(zip, entry, join(folder, basename(entry.fileName)), (bytes) => {
        done += bytes;
        progress?.update(done);
      });
      expectRecorded(entry.fileName, found, record.get(entry.fileName));
    }
    progress?.end();
  } finally {
    zip.file.close();
  }
}

interface Recorded {
  /** base64url, without padding. */
  readonly sha256: string;
  readonly bytes: number;
}

/** RECORD of a wheel: a line `path,sha256=…,bytes` for each file (PEP 376, PEP 427). */
async function readRecord(zip: Zip): Promise<ReadonlyMap<string, Recorded>> {
  const name = [...zip.entries.keys()].find((entry) => /^[^/]+\.dist-info\/RECORD$/.test(entry));
  if (name === undefined) throw new Error('kd-engine install: expected a wheel with a RECORD, got an archive without; download it again.');
  const lines = (await readEntry(zip, entryOf(zip, name))).toString('utf8').split(/\r?\n/);
  return new Map(
    lines.map((line) => {
      const [path = '', digest = '', bytes = ''] = line.split(',');
      return [path, { sha256: digest.replace(/^sha256=/, ''), bytes: Number(bytes) }];
    }),
  );
}

function entryOf(zip: Zip, name: string): Entry {
  const entry = zip.entries.get(name);
  if (entry === undefined) throw new Error(`kd-engine install: expected ${name} in the wheel, got none; this version has another layout.`);
  return entry;
}

function expectRecorded(name: string, found: Recorded, recorded: Recorded | undefined): void {
  if (recorded !== undefined && found.sha256 === recorded.sha256 && found.bytes === recorded.bytes) return;
  const wanted = recorded === undefined ? 'an entry in RECORD' : `${recorded.bytes} bytes with sha256 ${recorded.sha256}`;
  throw new Error(`kd-engine install: expected ${name} to have ${wanted}, got ${found.bytes} bytes with sha256 ${found.sha256}; download it again.`);
}
