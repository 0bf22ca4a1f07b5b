import { fileURLToPath } from 'node:url';
import type { Command } from './benchProcess.ts';
import type { StepOptions } from './protocol.ts';

/** One way to run a step. */
export interface Variant {
  readonly name: string;
  readonly command: Command;
}

/** Settings of glibc's allocator in the environment of the benchmark: no variant inherits them. */
const untuned = {
  MALLOC_MMAP_THRESHOLD_: undefined,
  MALLOC_TRIM_THRESHOLD_: undefined,
  MALLOC_TOP_PAD_: undefined,
  GLIBC_TUNABLES: undefined,
};
const hugePages = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
/**
 * glibc keeps freed memory, instead of giving activations back to the kernel; 2 ** 25 is the largest
 * threshold that it accepts for mmap.
 */
const tuned = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 25),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 32),
  MALLOC_TOP_PAD_: String(2 ** 26),
  ...hugePages,
};

/** Ours with its defaults. */
export function ourVariant(options: StepOptions): Variant {
  return ours('ours', options, {});
}

/** Ours with other settings, for information. */
export function ourOtherVariants(options: StepOptions): Variant[] {
  return [
    ours('ours, huge pages', options, hugePages),
    ours('ours, KD_COMPILE=off', options, { KD_COMPILE: 'off' }),
  ];
}

function ours(name: string, options: StepOptions, env: Command['env']): Variant {
  return {
    name,
    command: ourCommand(new URL('./ours/serve.ts', import.meta.url), options, env),
  };
}

/** Starts a script of src/ours with its options as JSON. */
export function ourCommand(script: URL, options: object, env: Command['env'] = {}): Command {
  const args = [
    '--conditions=@kd/source',
    '--import',
    'tsx',
    fileURLToPath(script),
    JSON.stringify(options),
  ];
  return {
    program: process.execPath,
    args,
    env: { ...untuned, KD_COMPILE: undefined, ...env },
  };
}

/** Starts a script of torch/ with its options as JSON. */
export function torchCommand(
  python: string,
  script: string,
  options: object,
  env: Command['env'] = {},
): Command {
  const args = [
    fileURLToPath(new URL(`../torch/${script}`, import.meta.url)),
    JSON.stringify(options),
  ];
  return {
    program: python,
    args,
    env: { ...untuned, ...env, PYTHONDONTWRITEBYTECODE: '1' },
  };
}

/** The first of these is PyTorch as it is installed. */
const forNetworks = [
  { name: 'eager', channelsLast: false, compile: false, fused: false },
  { name: 'channels last', channelsLast: true, compile: false, fused: false },
  { name: 'compile', channelsLast: false, compile: true, fused: false },
  { name: 'compile, channels last', channelsLast: true, compile: true, fused: false },
] as const;
const forOptimizers = [forNetworks[0], { ...forNetworks[0], name: 'fused', fused: true }] as const;
const forProducts = [forNetworks[0]] as const;

export const AS_INSTALLED = 'PyTorch, eager';

/** Which settings of PyTorch a step has. */
export type VariantGroup = 'network' | 'optimizer' | 'product';

const groups = { network: forNetworks, optimizer: forOptimizers, product: forProducts } as const;

/**
 * PyTorch's variants, each with glibc's allocator as it is and tuned. @param python Path of a Python
 * that has torch.
 */
export function torchVariants(
  python: string,
  options: StepOptions,
  group: VariantGroup,
): Variant[] {
  return [false, true].flatMap((isTuned) =>
    groups[group].map(({ name, ...settings }) => ({
      name: `PyTorch, ${name}${isTuned ? ', allocator tuned' : ''}`,
      command: torchCommand(python, 'serve.py', { ...options, ...settings }, isTuned ? tuned : {}),
    })),
  );
}

/** PyTorch's variants of the whole job. @param directory Files of the images. */
export function torchJobVariants(python: string, directory: string): Variant[] {
  return [false, true].flatMap((isTuned) =>
    forNetworks.map(({ name, channelsLast, compile }) => ({
      name: `PyTorch, ${name}${isTuned ? ', allocator tuned' : ''}`,
      command: torchCommand(
        python,
        'job.py',
        { directory, channelsLast, compile },
        isTuned ? tuned : {},
      ),
    })),
  );
}
