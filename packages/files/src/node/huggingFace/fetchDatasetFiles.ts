import { isRevisionMissing } from './client.ts';
import { type HubOptions, openRepository } from './repository.ts';
import { parseHubUrl } from './url.ts';

/** Options of `fetchDatasetFiles`. */
export interface DatasetFilesOptions extends HubOptions {
  /**
   * Chooses the files to fetch among those of the repository, or those below the path that the URL
   * names. They are called by their paths from the repository's root, with `/`.
   */
  readonly choose: (files: readonly string[]) => readonly string[];
  /**
   * Branch to choose from where `main` has nothing to choose: the hub keeps its own conversion of
   * many datasets in `refs/convert/parquet`.
   */
  readonly otherBranch?: string;
}

/** Files of a dataset that are on this disk now. */
export interface DatasetFiles {
  /** The chosen files, in that order; `name` is the path from the repository's root. */
  readonly files: readonly { readonly path: string; readonly name: string }[];
  /** `hf://datasets/owner/name`, with the revision where it is not `main`. */
  readonly root: string;
  readonly commit: string;
  /** Whether they are from `otherBranch`. */
  readonly isOtherBranch: boolean;
  /** Names of all files at the revision of the URL. */
  readonly listed: readonly string[];
}

/**
 * Fetches files of a dataset repository from the hub into its cache. A dataset that is cached costs
 * one request for the current commit of each branch, and none if the URL names a commit, or with
 * `HF_HUB_OFFLINE`. Every file is verified against the hub's checksum each time, and a download
 * that broke off goes on where it did.
 * @param source `hf://datasets/owner/name[@revision][/path]`, the path of a file or a directory.
 * @returns No files where none are chosen.
 * @throws RangeError that names the URL and a remedy.
 */
export async function fetchDatasetFiles(
  source: string,
  { choose, otherBranch, ...options }: DatasetFilesOptions,
): Promise<DatasetFiles> {
  const { createProgress, signal } = options;
  signal?.throwIfAborted();
  const url = parseHubUrl(source.replace(/\/+$/, ''), 'dataset');
  const { revision, file } = url;
  const repository = await openRepository(url, options);
  const chooseAt = async (at: string) => {
    const { commit, files } = await repository.resolve(at);
    const listed = await files();
    const below =
      file === undefined
        ? listed
        : listed.filter((name) => name === file || name.startsWith(`${file}/`));
    return { commit, listed, chosen: choose(below) };
  };
  const first = await chooseAt(revision);
  const other =
    first.chosen.length === 0 && revision === 'main' && otherBranch !== undefined
      ? await chooseAt(otherBranch).catch((error: Error) => {
          if (isRevisionMissing(error)) return undefined;
          throw error;
        })
      : undefined;
  const isOtherBranch = other !== undefined && other.chosen.length > 0;
  const { commit, chosen } = isOtherBranch ? other : first;
  const cached: string[] = [];
  for (const name of chosen) if (await repository.isCached(commit, name)) cached.push(name);
  const paths = new Map<string, string>();
  const progress =
    cached.length > 0 ? createProgress?.('verify', cached.length, 'files') : undefined;
  try {
    for (const name of cached) {
      paths.set(name, await repository.fetch(commit, name));
      progress?.update(paths.size);
    }
  } finally {
    progress?.end();
  }
  for (const name of chosen)
    if (!paths.has(name)) paths.set(name, await repository.fetch(commit, name));
  return {
    files: chosen.map((name) => ({ path: paths.get(name) as string, name })),
    root:
      revision === 'main' ? repository.url : `${repository.url}@${encodeURIComponent(revision)}`,
    commit,
    isOtherBranch,
    listed: first.listed,
  };
}
