import { ensure, expectedError } from '@kd/core';
import { isSafeRelativePath } from '../../stores.ts';

/** Parts of an `hf://` URL. */
export interface HubUrl {
  /** `timm/resnet50.a1_in1k`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Path in the repository, with `/`; undefined: its weights, whatever their name is. */
  readonly file: string | undefined;
}

const example = 'hf://timm/resnet50.a1_in1k, hf://timm/resnet50.a1_in1k@main/model.safetensors';

/**
 * Parses `hf://owner/name@revision/file`; revision and file are optional. A slash in a revision is
 * written `%2F`: `@refs%2Fpr%2F1`.
 * @throws RangeError on anything else.
 */
export function parseHubUrl(url: string): HubUrl {
  const match = /^hf:\/\/([^/@]+)\/([^/@]+)(?:@([^/]+))?(?:\/(.+))?$/.exec(url);
  if (match === null) throw expectedError('fetchFile', `a URL such as ${example}`, url);
  const [owner, name, revision, file] = match
    .slice(1)
    .map((part) => (part === undefined ? undefined : decodePart(part, url)));
  ensure(owner !== 'datasets' && owner !== 'spaces', 'fetchFile', 'a model on the hub', url);
  // The hub's own rule. With it no name can lead out of the cache, where the directory of a
  // repository is models--owner--name.
  const isName = (part: string | undefined) =>
    part !== undefined && /^[A-Za-z0-9_][\w.-]*$/.test(part) && !/--|\.\./.test(part);
  ensure(
    isName(owner) && isName(name),
    'fetchFile',
    `names of letters, digits and . _ - as in ${example}`,
    url,
  );
  if (revision !== undefined) assertInside('a revision', revision, url);
  if (file !== undefined) assertInside('a file name', file, url);
  return { repository: `${owner}/${name}`, revision: revision ?? 'main', file };
}

/**
 * Throws unless a path stays inside its directory on every platform.
 * @param meaning For the message: `a file name`.
 */
export function assertInside(meaning: string, path: string, caller: string): void {
  ensure(isSafeRelativePath(path), caller, `${meaning} inside its directory`, JSON.stringify(path));
}

/** Names of weights on the hub, the best first: safetensors contain numbers and nothing else. */
const usualNames = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];
const kinds = [/\.safetensors$/, /\.(bin|pth|pt)$/];

/**
 * Chooses the weights among the files of a repository: one of the usual names, or else the only
 * file
 * of its kind.
 * @param url Start of messages, and of the URLs that they suggest.
 * @throws RangeError if there is none, or several.
 */
export function chooseWeightFile(files: readonly string[], url: string): string {
  const found = usualNames.find((name) => files.includes(name));
  if (found !== undefined) return found;
  for (const kind of kinds) {
    const [only, ...others] = files.filter((name) => kind.test(name));
    if (only !== undefined && others.length === 0) return only;
    if (only !== undefined)
      throw expectedError(
        url,
        'one file of weights',
        [only, ...others],
        `name one: ${url}/${only}`,
      );
  }
  throw expectedError(
    url,
    `weights (${usualNames.join(', ')}) in the repository`,
    files,
    'name the file: …/file',
  );
}

function decodePart(part: string, url: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw Object.assign(
      expectedError('fetchFile', 'a URL whose % signs stand before two digits', url),
      { cause },
    );
  }
}
