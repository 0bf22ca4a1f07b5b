/**
 * Writes public/model from the directory of a finished run: student, teacher, pictures to try, and
 * model.json about them. Weights are kept as halves.
 *
 *     npm run models -w examples/browser -- runs/flowers [pictures/rose.jpg …]
 */
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArchitectureName } from '@kd/cli';
import { ensure, expectedError } from '@kd/core';
import { type PixelRecipe, pixelRecipes } from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { startEngine } from '@kd/engine';
import { decodeSafetensors, encodeSafetensors, toFloat16 } from '@kd/files';
import { writeFileAtomic } from '@kd/files/node';
import { profile, saveWeights } from '@kd/models';
import { type NetworkRecord, pngDataUri, type RunRecord } from '@kd/report';
import { readRunRecord } from '@kd/report/node';
import { loadVariables } from '@kd/trainer';
import { buildNetwork } from './src/model/architectures.ts';
import {
  type ExamplePicture,
  type Manifest,
  manifestFormat,
  type NetworkEntry,
} from './src/model/manifest.ts';

const caller = 'models';
/** How the page builds what `kd` calls by these names. */
const architectures = {
  'student-cnn': ['studentCnn', {}],
  'student-cnn-wide': ['studentCnn', { widths: [32, 64, 128] }],
  'tutorial-cnn': ['tutorialCnn', {}],
  resnet8: ['cifarResnet', { depth: 8 }],
  resnet20: ['cifarResnet', { depth: 20 }],
  resnet32: ['cifarResnet', { depth: 32 }],
  resnet56: ['cifarResnet', { depth: 56 }],
  resnet110: ['cifarResnet', { depth: 110 }],
  resnet8x4: ['cifarResnet', { depth: '8x4' }],
  resnet32x4: ['cifarResnet', { depth: '32x4' }],
  resnet18: ['resnet', { depth: 18, stem: 'cifar' }],
  resnet50: ['resnet', { depth: 50, stem: 'cifar' }],
  'wrn-16-1': ['wideResnet', { depth: 16, width: 1 }],
  'wrn-16-2': ['wideResnet', { depth: 16, width: 2 }],
  'wrn-40-1': ['wideResnet', { depth: 40, width: 1 }],
  'wrn-40-2': ['wideResnet', { depth: 40, width: 2 }],
  vgg8: ['vgg', { depth: 8 }],
  vgg13: ['vgg', { depth: 13 }],
  'mobilenet-v2-half': ['mobileNetV2', { stem: 'cifar', width: 0.5 }],
  'shufflenet-v1': ['shuffleNetV1', {}],
  'shufflenet-v2': ['shuffleNetV2', { stem: 'cifar' }],
  'resnet9-w0.125': ['resnet9', { width: 0.125 }],
  'resnet9-w0.25': ['resnet9', { width: 0.25 }],
  'resnet9-w0.5': ['resnet9', { width: 0.5 }],
  resnet9: ['resnet9', {}],
  'efficientnet-lite0': ['efficientNetLite', { version: 0 }],
  'resnet50-imagenet': ['resnet', { depth: 50, stem: 'imagenet' }],
} as const satisfies Record<ArchitectureName, readonly [NetworkEntry['architecture'], object]>;

const target = fileURLToPath(new URL('public/model/', import.meta.url));
const [given, ...pictures] = process.argv.slice(2).map((file) =>
  // npm runs the script in its workspace; paths are those of where npm was called.
  path.resolve(process.env.INIT_CWD ?? '.', file),
);
if (given === undefined)
  throw expectedError(caller, 'the directory of a run', 'nothing', 'runs/flowers is one');
const run = given;
const record = await readRunRecord(run);
ensure(record?.status === 'finished', caller, 'a finished run', record?.status ?? `none in ${run}`);
const { classNames, imageShape, train } = record.data;
const [height, width, channels] = imageShape;
ensure(height === width, caller, 'square images', imageShape, 'set their size: --size 64');
ensure(channels === 3, caller, 'images in color', imageShape);

await startEngine({ engine: 'wasm' });
await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const { config } = record;
const manifest: Manifest = {
  format: manifestFormat,
  dataset: train.name.replace(/ \(.*$/, ''),
  classNames,
  imageShape: [height, width, channels],
  recipe: readRecipe(record),
  temperature: config.distillation.temperature ?? 1,
  student: await writeNetwork('student', config.student, `distilled-${config.seeds[0]}`),
  teacher: await writeNetwork('teacher', config.teacher, 'teacher'),
  examples: pictures.length > 0 ? await copyPictures(pictures) : await writeExamples(train.name),
};
await writeFileAtomic(
  path.join(target, 'model.json'),
  new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`),
);
for (const { name, file, bytes } of [manifest.student, manifest.teacher])
  console.log(`${file}: ${name}, ${bytes} bytes`);

/** Writes the weights of a stage of the run as a safetensors file of halves. */
async function writeNetwork(
  role: 'student' | 'teacher',
  { architecture: name, size, ownHead }: NetworkRecord,
  stage: string,
): Promise<NetworkEntry> {
  ensure(ownHead === undefined, caller, `a ${role} of the classes of the data`, 'one of its own');
  const row = architectures[name as ArchitectureName];
  ensure(row !== undefined, caller, `one of ${Object.keys(architectures).join(', ')}`, name);
  const [architecture, own] = row;
  const options = { ...own, ...(size !== undefined && { prepare: { size } }) };
  const network = buildNetwork(architecture, options, { classes: classNames.length, seed: 0 });
  const checkpoint = path.join(run, stage, 'best.safetensors');
  await loadVariables(network, await readFile(checkpoint), checkpoint);
  const bytes = await halve(await saveWeights(network), checkpoint);
  const file = `${role}.safetensors`;
  await writeFileAtomic(path.join(target, file), bytes);
  const { parameters } = profile(network, imageShape);
  network.dispose();
  return {
    name,
    architecture,
    options,
    file,
    bytes: bytes.length,
    parameters,
    accuracy: record?.results[stage]?.test.top1 ?? 0,
  };
}

/** Rounds the weights of a file to half precision, and leaves out the counters of PyTorch. */
async function halve(bytes: Uint8Array<ArrayBuffer>, name: string) {
  const { tensors, metadata } = decodeSafetensors(bytes, name);
  return encodeSafetensors(
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([, { dtype }]) => dtype === 'F32')
        .map(([tensor, { shape, data }]) => [
          tensor,
          {
            dtype: 'F16' as const,
            shape,
            data: toFloat16(`${name}, ${tensor}`, data as Float32Array, 'train it again'),
          },
        ]),
    ),
    metadata,
  );
}

/** How the run made its images from pictures of any size; of images as given, the whole of them. */
function readRecipe({ data: { preparation = '' } }: RunRecord): PixelRecipe {
  const [name, crop, interpolation, longSide] = [
    /(\w+)\(size/,
    /crop=([\d.]+)/,
    /interpolation=(\w+)/,
    /longSide=(\w+)/,
  ].map((field) => field.exec(preparation)?.[1]);
  if (crop === undefined) return { ...pixelRecipes.torchvision, name: 'whole', crop: 1 };
  return {
    name: name ?? 'run',
    crop: Number(crop),
    interpolation: interpolation as PixelRecipe['interpolation'],
    longSide: longSide as PixelRecipe['longSide'],
  };
}

/** The first test picture of every class of CIFAR-10; of other data none. */
async function writeExamples(dataset: string): Promise<readonly ExamplePicture[]> {
  if (!dataset.startsWith('CIFAR-10 ')) return [];
  const { test } = await loadCifar10();
  const examples: ExamplePicture[] = [];
  for (const [label, className] of test.classNames.entries()) {
    const index = test.labels.indexOf(label as never);
    const pixels = test.images.read(index);
    const file = `${className}.png`;
    const png = (await pngDataUri(pixels, [height, width, channels])).split(',')[1] as string;
    await writeFileAtomic(path.join(target, file), Buffer.from(png, 'base64'));
    examples.push({ file, className });
  }
  return examples;
}

/** Pictures of the directory of their class: `rose/3.jpg`. */
async function copyPictures(files: readonly string[]): Promise<readonly ExamplePicture[]> {
  return Promise.all(
    files.map(async (picture, at) => {
      const file = `${at}${path.extname(picture)}`;
      await copyFile(picture, path.join(target, file));
      return { file, className: path.basename(path.dirname(picture)) };
    }),
  );
}
