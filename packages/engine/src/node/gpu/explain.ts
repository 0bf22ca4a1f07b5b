/**
 * Which device libtensorflow computes on, and why it is that one. TensorFlow says so only in its
 * log, which is off.
 */
import { join } from 'node:path';
import koffi from 'koffi';
import { wheelPackage } from '../install/builds.ts';
import { isGlibc } from '../tensorflow/environment.ts';
import { frameworkFile } from '../tensorflow/library.ts';
import type { Build } from '../tensorflow/versions.ts';
import { missingCudaLibraries } from './cudaLibraries.ts';
import { askDriver } from './driver.ts';

/** How the loaded libtensorflow was built. @param folder The one that it was loaded from. */
export function buildOf(folder: string): Build {
  // tensorflow::IsGoogleCudaEnabled(), in all versions that were tried.
  const isCuda = koffi
    .load(join(folder, frameworkFile), { lazy: true })
    .func('_ZN10tensorflow19IsGoogleCudaEnabledEv', 'bool', []);
  return isCuda() ? 'CUDA' : 'CPU';
}

/** @param device What TensorFlow computes on: `CPU`, `GPU:0`. @returns Why, in a line. */
export function explainDevice(folder: string, build: Build, device: string): string {
  if (build === 'CPU') return `libtensorflow is built for CPUs${cudaRemedy()}`;
  const hidden = process.env.CUDA_VISIBLE_DEVICES;
  if (hidden !== undefined && (hidden === '' || hidden.startsWith('-1')))
    return `CUDA_VISIBLE_DEVICES="${hidden}" hides every GPU`;
  const driver = askDriver();
  if (device !== 'CPU') return 'gpus' in driver ? driver.gpus.join(', ') : driver.reason;
  const reasons = [
    'reason' in driver ? driver.reason : `there is ${driver.gpus.join(', ')}`,
    ...missingCudaLibraries(folder),
  ];
  const isUnknown = 'gpus' in driver && reasons.length === 1;
  return `no GPU: ${reasons.join('; ')}${isUnknown ? '; with TF_CPP_MIN_LOG_LEVEL=0 TensorFlow says why it does not take it' : ''}`;
}

function cudaRemedy(): string {
  const machine = { platform: process.platform, architecture: process.arch, isGlibc: isGlibc() };
  return 'name' in wheelPackage(machine, 'CUDA')
    ? '; `npx kd-engine install --gpu` brings the CUDA build'
    : '';
}
