import { fileURLToPath } from 'node:url';
import type { Command } from './contender.ts';
import type { StepOptions } from './protocol.ts';

/** One way to run a step. */
export interface Variant {
  readonly name: string;
  readonly command: Command;
}

/** What glibc's allocator would be told by whoever starts us: it counts for nobody. */
const untuned = {
  MALLOC_MMAP_THRESHOLD_: undefined,
  MALLOC_TRIM_THRESHOLD_: undefined,
  MALLOC_TOP_PAD_: undefined,
  GLIBC_TUNABLES: undefined,
};
const hugePages = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
/**
 * glibc keeps what is freed, instead of giving activations back to the kernel; 2 ** 25 is the most
 * it takes as the first.
 */
const tuned = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 25),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 32),
  MALLOC_TOP_PAD_: String(2 ** 26),
  ...hugePages,
};

/** Ours as a user has it. */
export function ourVariant(options: StepOptions): Variant {
  return ours('ours', options, {});
}

/** Ours in other forms, for information. */
export function ourOtherVariants(options: StepOptions): Variant[] {
  return [
    ours('ours, huge pages', options, hugePages),
    ours('ours, KD_COMPILE=off', options, { KD_COMPILE: 'off' }),
  ];
}

function ours(name: string, options: StepOptions, environment: Command['environment']): Variant {
  return {
    name,
    command: ourCommand(new URL('./ours/serve.ts', import.meta.url), options, environment),
  };
}

/** A script of ours in src/ours, told its options as JSON. */
export function ourCommand(
  script: URL,
  options: object,
  environment: Command['environment'] = {},
): Command {
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
    environment: { ...untuned, KD_COMPILE: undefined, ...environment },
  };
}

/** A script of PyTorch's in torch, told its options as JSON. */
export function torchCommand(
  python: string,
  script: string,
  options: object,
  environment: Command['environment'] = {},
): Command {
  const args = [
    fileURLToPath(new URL(`../torch/${script}`, import.meta.url)),
    JSON.stringify(options),
  ];
  return {
    program: python,
    args,
    environment: { ...untuned, ...environment, PYTHONDONTWRITEBYTECODE: '1' },
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

/** Which forms of PyTorch a step knows. */
export type Forms = 'network' | 'optimizer' | 'product';

const formsOf = { network: forNetworks, optimizer: forOptimizers, product: forProducts } as const;

/** PyTorch's, each with glibc's allocator as it is and tuned. @param python With torch in it. */
export function torchVariants(python: string, options: StepOptions, forms: Forms): Variant[] {
  return [false, true].flatMap((isTuned) =>
    formsOf[forms].map(({ name, ...form }) => ({
      name: `PyTorch, ${name}${isTuned ? ', allocator tuned' : ''}`,
      command: torchCommand(python, 'serve.py', { ...options, ...form }, isTuned ? tuned : {}),
    })),
  );
}
