import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { isObject, type JsonObject } from '../format/file.ts';
import { objectOf } from '../format/values.ts';

/** A directory of checkpoints with `expected.json`: input, models, files and odd tensors. */
export interface Fixtures {
  readonly directory: string;
  readonly input: JsonObject;
  /** Name of a model → its tensors and its outputs for the input. */
  readonly models: JsonObject;
  /** Name of a file → its size, sha256 and model. */
  readonly files: JsonObject;
  /** Name → dtype, shape and values, for the files without a model. */
  readonly oddTensors: JsonObject;
  /** Checkpoints in the directory that `files` does not list. */
  readonly unlisted: readonly string[];
}

/**
 * Reads `expected.json` of a directory.
 * @throws RangeError, in one line, if the directory or its `expected.json` is missing or something
 * else.
 */
export function readFixtures(directory: string): Fixtures {
  const parsed = parse(path.join(directory, 'expected.json'));
  const files = objectOf(parsed, 'files');
  const strange = Object.keys(files).find(
    (name) => path.basename(name) !== name || name === '' || name.startsWith('.'),
  );
  ensure(
    strange === undefined,
    'fixtures',
    `names of files in ${directory} itself`,
    strange,
    'look into expected.json',
  );
  const unlisted = readdirSync(directory).filter(
    (name) => /\.(pth|pt|bin|th|safetensors)$/.test(name) && !Object.hasOwn(files, name),
  );
  const optional = (name: string): JsonObject =>
    parsed[name] === undefined ? {} : objectOf(parsed, name);
  return {
    directory,
    files,
    unlisted,
    input: objectOf(parsed, 'input'),
    models: optional('models'),
    oddTensors: optional('oddTensors'),
  };
}

function parse(file: string): JsonObject {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (isObject(parsed)) return parsed;
  } catch (cause) {
    throw expectedError(
      'fixtures',
      'a directory of checkpoints with expected.json',
      `${file} (${(cause as Error).message})`,
      'set KD_FIXTURES',
    );
  }
  throw expectedError('fixtures', 'an object in expected.json', file, 'set KD_FIXTURES');
}
