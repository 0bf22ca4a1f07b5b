import { ensure } from '@kd/core';
import { type ByteSource, subarrayBetween, type ZipEntry, zipEntries } from '@kd/files';
import { unpickle } from '@kd/files/pickle';
import type { TorchCheckpoint } from './checkpoint.ts';
import { torchHost } from './torchHost.ts';

/**
 * What `torch.save` writes since PyTorch 1.6: a zip archive with `<name>/data.pkl` and one entry
 * `<name>/data/<key>` for each storage.
 * @throws RangeError for another archive, one of TorchScript among them.
 */
export function zipCheckpoint(source: ByteSource, place: string): TorchCheckpoint {
  const entries = zipEntries(source, place);
  const pickles = [...entries.keys()].filter(
    (name) => name === 'data.pkl' || /^[^/]+\/data\.pkl$/.test(name),
  );
  const [pickleName] = pickles;
  ensure(
    pickleName !== undefined && pickles.length === 1,
    place,
    'a zip archive of torch.save, with one data.pkl',
    `${pickles.length} of them`,
  );
  const folder = pickleName.slice(0, -'data.pkl'.length);
  const isScript =
    entries.has(`${folder}constants.pkl`) ||
    [...entries.keys()].some((name) => name.startsWith(`${folder}code/`));
  ensure(
    !isScript,
    place,
    'a state dict',
    'a TorchScript archive',
    'in Python: torch.save(torch.jit.load(path).state_dict(), …)',
  );
  const order = textOf(source, entries.get(`${folder}byteorder`)) ?? 'little';
  ensure(
    order === 'little',
    place,
    'numbers with the low byte first (byteorder little)',
    JSON.stringify(order),
    'save it anew on another machine',
  );

  const pickle = entries.get(pickleName) as ZipEntry;
  const begin = pickle.begin();
  const { value } = unpickle(before(source, begin + pickle.size()), place, torchHost(place), begin);
  const storageEntry = (key: string) => entries.get(`${folder}data/${key}`);
  return {
    format: 'torch zip',
    root: value,
    storages: {
      source,
      bytesOf: (key) => storageEntry(key)?.size(),
      beginOf: (key) => (storageEntry(key) as ZipEntry).begin(),
    },
  };
}

/** The source as if it ended there: a pickle may not run into the next entry. */
function before(source: ByteSource, end: number): ByteSource {
  return { length: end, fill: source.fill };
}

function textOf(source: ByteSource, entry: ZipEntry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  const begin = entry.begin();
  return new TextDecoder('latin1').decode(
    subarrayBetween(source, begin, begin + Math.min(entry.size(), 16)),
  );
}
