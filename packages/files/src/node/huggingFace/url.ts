import { ensure, expectedError } from '@kd/core';
import { isSafeRelativePath } from '../../stores.ts';

/** Kinds of repositories on the hub. */
export type RepositoryKind = 'model' | 'dataset';

/** Parts of an `hf://` URL. */
export interface HubUrl {
  readonly kind: RepositoryKind;
  /** `timm/resnet50.a1_in1k`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Path in the repository, with `/`; undefined: its weights, or all files of a dataset. */
  readonly file: string | undefined;
}

/** For each kind, the function that fetches it, what its URLs start with, and examples of them. */
const kindsOfUrls = {
  model: {
    caller: 'fetchFile',
    prefix: 'hf://',
    example: 'hf://timm/resnet50.a1_in1k, hf://timm/resnet50.a1_in1k@main/model.safetensors',
  },
  dataset: {
    caller: 'fetchDatasetFiles',
    prefix: 'hf://datasets/',
    example: 'hf://datasets/ylecun/mnist, hf://datasets/ylecun/mnist@main/mnist',
  },
} as const satisfies Readonly<Record<RepositoryKind, unknown>>;

/** Returns the URL of a repository, without a revision. */
export function repositoryUrl({ kind, repository }: Pick<HubUrl, 'kind' | 'repository'>): string {
  return kindsOfUrls[kind].prefix + repository;
}

/**
 * Parses `hf://owner/name@revision/file`, or `hf://datasets/owner/name@revision/path`; revision and
 * path are optional. A slash in a revision is written `%2F`: `@refs%2Fpr%2F1`.
 * @param kind Kind of repository that is expected.
 * @throws RangeError on anything else.
 */
export function parseHubUrl(url: string, kind: RepositoryKind): HubUrl {
  const { caller, prefix, example } = kindsOfUrls[kind];
  const rest = url.startsWith(prefix) ? url.slice(prefix.length) : '';
  const match = /^([^/@]+)\/([^/@]+)(?:@([^/]+))?(?:\/(.+))?$/.exec(rest);
  if (match === null) throw expectedError(caller, `a URL such as ${example}`, url);
  const [owner, name, revision, file] = match
    .slice(1)
    .map((part) => (part === undefined ? undefined : decodePart(part, url, caller)));
  ensure(owner !== 'datasets' && owner !== 'spaces', caller, `a ${kind} on the hub`, url);
  // The hub's own rule. With it no name can lead out of the cache, where the directory of a
  // repository is models--owner--name.
  const isName = (part: string | undefined) =>
    part !== undefined && /^[A-Za-z0-9_][\w.-]*$/.test(part) && !/--|\.\./.test(part);
  ensure(
    isName(owner) && isName(name),
    caller,
    `names of letters, digits and . _ - as in ${example}`,
    url,
  );
  if (revision !== undefined) assertInside('a revision', revision, url);
  if (file !== undefined) assertInside('a file name', file, url);
  return { kind, repository: `${owner}/${name}`, revision: revision ?? 'main', file };
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

function decodePart(part: string, url: string, caller: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw Object.assign(expectedError(caller, 'a URL whose % signs stand before two digits', url), {
      cause,
    });
  }
}
