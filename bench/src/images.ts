import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, runToLastMessage, startBenchProcess } from './benchProcess.ts';
import { interleaveRounds, type Measurement, pairedRatio } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourCommand, torchCommand } from './variants.ts';

const IMAGES = 1_024;
const SIDE = 224;

/** Steps of both, and how many times as fast ours should be. */
const passes = [
  { step: 'images: decode', name: 'from the files', goal: 1.3 },
  { step: 'images: cached', name: 'from the decoded rows', goal: 5 },
] as const;

/**
 * Measures the way from photographs to 224×224 beside torchvision's DataLoader with two workers, on
 * the same files: decoded, resized and cropped, and batches from the rows that are left of that.
 */
export async function images(options: BenchOptions): Promise<Section> {
  const title = `${IMAGES} photographs of 500×375 as JPEG to 224×224; ms of a whole pass`;
  const section = { name: 'images', title, rows: [], versions: {} };
  if (options.python === undefined)
    return { ...section, remarks: ['Skipped: the photographs are made by KD_TORCH_PYTHON.'] };
  const directory = await mkdtemp(join(tmpdir(), 'kd-photos-'));
  try {
    const made = torchCommand(options.python, 'photos.py', { directory });
    await runToLastMessage('photos.py', made, options.log);
    return await comparePasses(section, options.python, directory, options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function comparePasses(
  section: Pick<Section, 'name' | 'title'>,
  python: string,
  directory: string,
  options: BenchOptions,
): Promise<Section> {
  const rows: Row[] = [];
  const remarks: string[] = [];
  const versions: Record<string, string> = {};
  for (const { step, name, goal } of passes) {
    options.log(`images: ${name}`);
    const env = { PHOTOS: directory };
    const pass = { step, batch: IMAGES, size: SIDE };
    const script = new URL('./ours/serve.ts', import.meta.url);
    const [mine, theirs] = await measureInTurn(
      [ourCommand(script, pass, env), torchCommand(python, 'serve.py', pass, env)],
      options,
      versions,
    );
    const { median: ratio, min, max } = pairedRatio(theirs.turns, mine.turns);
    rows.push(createRow(`ours, ${name}`, mine), {
      ...createRow(
        `torchvision, two workers${step === 'images: cached' ? ', floats' : ''}`,
        theirs,
      ),
      ratio,
      spread: [min, max],
    });
    const result = `${ratio.toFixed(2)}, ${passFail(ratio >= goal)}`;
    remarks.push(`Ours ${name}: goal ≥ ${goal.toFixed(2)}, ${result}.`);
  }
  return { ...section, rows, remarks, versions };
}

async function measureInTurn(
  commands: readonly [Command, Command],
  options: BenchOptions,
  versions: Record<string, string>,
): Promise<[Measurement, Measurement]> {
  const processes = await Promise.all(
    commands.map((command, at) => startBenchProcess(at === 0 ? 'ours' : 'torchvision', command)),
  );
  const measured = await interleaveRounds(processes, options);
  for (const process of processes) {
    Object.assign(versions, process.ready.versions);
    await process.close();
  }
  return measured as [Measurement, Measurement];
}

function createRow(variant: string, { ms }: Measurement): Row {
  return { step: 'images', variant, ms, imagesPerSecond: (1000 * IMAGES) / ms, ratio: null };
}
