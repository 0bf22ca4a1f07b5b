/**
 * A teacher from an ONNX file, live: 10,000 images of CIFAR-10 are evaluated by a ResNet-20 in ONNX
 * Runtime and its logits cached. Prints the seconds, and for how long at most the main thread
 * could not answer (progress, Ctrl-C).
 *
 *     node scripts/run.mjs bench/src/onnxTeacher.ts
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { dataLoader } from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { startEngine } from '@kd/engine';
import { exportOnnx } from '@kd/export';
import { memoryStore } from '@kd/files';
import { cifarResnet } from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import { cacheOutputs } from '@kd/trainer';
import { onnxTeacher } from '@kd/trainer/node';

await startEngine();
const directory = await mkdtemp(path.join(tmpdir(), 'kd-onnx-'));
try {
  const network = cifarResnet({ classes: 10, seed: 0, depth: 20 });
  const graph = networkGraph(network, { imageShape: [32, 32, 3], taps: false });
  const file = path.join(directory, 'resnet20.onnx');
  await writeFile(file, exportOnnx(graph));
  const prepare = { description: 'none', prepare: <Images>(images: Images) => images };
  const teacher = await onnxTeacher(file, { layout: 'NHWC', prepare });
  const { test } = await loadCifar10({});
  const data = dataLoader(test, { batchSize: 250 });
  const store = memoryStore();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  await cacheOutputs({ teacher, data, store });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  console.log(
    `${test.indices.length} images in ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor time; longest silence of the main thread ${(delay.max / 1e6).toFixed(0)} ms`,
  );
  await teacher.dispose();
} finally {
  await rm(directory, { recursive: true, force: true });
}
