import { ensure, expectedError } from '@kd/core';
import { type ByteSource, subarrayBetween } from '../../byteSource.ts';
import { headerLimit } from './dtypes.ts';

/** The JSON at the head of a safetensors file, and where the data begins after it. */
export function readHeader(
  source: ByteSource,
  caller: string,
): { header: Record<string, unknown>; dataStart: number } {
  ensure(
    source.length >= 8,
    caller,
    'a safetensors file: 8 bytes of header length first',
    `${source.length} bytes`,
  );
  const length = new DataView(subarrayBetween(source, 0, 8).buffer).getBigUint64(0, true);
  ensure(
    length <= BigInt(headerLimit),
    caller,
    `a header of at most ${headerLimit} bytes`,
    length,
    'this may not be a safetensors file',
  );
  const dataStart = 8 + Number(length);
  ensure(
    dataStart <= source.length,
    caller,
    `a header of ${length} bytes, as the file says`,
    `${source.length - 8}`,
    'the file is cut short',
  );
  const text = textOf(subarrayBetween(source, 8, dataStart), caller);
  ensure(
    text.startsWith('{'),
    caller,
    'a header that starts with {',
    JSON.stringify(text.slice(0, 16)),
    'this may not be a safetensors file',
  );
  const header = parse(text, caller);
  const twice = firstRepeatedKey(text);
  ensure(twice === undefined, caller, 'every name of the header once', `${twice} twice`);
  return { header, dataStart };
}

function textOf(bytes: Uint8Array, caller: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw Object.assign(
      expectedError(
        caller,
        'a header in UTF-8',
        'other bytes',
        'this may not be a safetensors file',
      ),
      { cause },
    );
  }
}

function parse(text: string, caller: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw Object.assign(expectedError(caller, 'a header in JSON', (cause as Error).message), {
      cause,
    });
  }
}

/** JSON.parse keeps the last of equal keys and says nothing. @param json Valid JSON. */
function firstRepeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{' || character === '[') open.push(new Set());
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
      if (!isKeyBefore(json, at + 1)) continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      const keys = open.at(-1) as Set<string>;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function isKeyBefore(json: string, at: number): boolean {
  let next = at;
  while (' \t\r\n'.includes(json.charAt(next)) && next < json.length) next++;
  return json[next] === ':';
}
