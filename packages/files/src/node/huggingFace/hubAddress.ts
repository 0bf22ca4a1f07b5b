import { ensure, expectedError } from '@kd/core';
import { isSafeRelativePath } from '@kd/files';

/** What an `hf://` address names. */
export interface HubAddress {
  /** `timm/resnet50.a1_in1k`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** In the repository, with `/`; undefined: its weights, whatever they are called. */
  readonly file: string | undefined;
}

const example = 'hf://timm/resnet50.a1_in1k, hf://timm/resnet50.a1_in1k@main/model.safetensors';

/**
 * Takes `hf://owner/name@revision/file` apart; revision and file may be left out. A slash in a
 * revision is written `%2F`: `@refs%2Fpr%2F1`.
 * @throws RangeError on anything else.
 */
export function hubAddress(address: string): HubAddress {
  const match = /^hf:\/\/([^/@]+)\/([^/@]+)(?:@([^/]+))?(?:\/(.+))?$/.exec(address);
  if (match === null) throw expectedError('readWeights', `an address such as ${example}`, address);
  const [owner, name, revision, file] = match
    .slice(1)
    .map((part) => (part === undefined ? undefined : decoded(part, address)));
  ensure(owner !== 'datasets' && owner !== 'spaces', 'readWeights', 'a model on the hub', address);
  // The hub's own rule; with it no name can lead out of the cache, where a repository's folder is
  // models--owner--name.
  const isName = (part: string | undefined) =>
    part !== undefined && /^[A-Za-z0-9_][\w.-]*$/.test(part) && !/--|\.\./.test(part);
  ensure(
    isName(owner) && isName(name),
    'readWeights',
    `names of letters, digits and . _ - as in ${example}`,
    address,
  );
  if (revision !== undefined) expectInside('a revision', revision, address);
  if (file !== undefined) expectInside('a file name', file, address);
  return { repository: `${owner}/${name}`, revision: revision ?? 'main', file };
}

/**
 * Throws unless a path stays inside its folder, on every platform. @param meaning For messages: `a
 * file name`.
 */
export function expectInside(meaning: string, path: string, place: string): void {
  ensure(isSafeRelativePath(path), place, `${meaning} inside its folder`, JSON.stringify(path));
}

function decoded(part: string, address: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw Object.assign(
      expectedError('readWeights', 'an address whose % signs stand before two digits', address),
      { cause },
    );
  }
}
