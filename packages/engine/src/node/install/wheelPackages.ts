import type { Build } from '../library/libraryFiles.ts';

/** The wheels on PyPI that hold libtensorflow and NVIDIA's libraries. */

export interface Machine {
  readonly platform: string;
  readonly architecture: string;
  readonly isGlibc: boolean;
}

/**
 * The package on PyPI whose wheel for a machine holds a build of libtensorflow; or the reason why
 * there is none.
 */
export function findWheelPackage(
  { platform, architecture, isGlibc }: Machine,
  build: Build,
): { readonly name: string } | { readonly reason: string } {
  const isLinux = platform === 'linux' && isGlibc;
  if (build === 'CUDA' && isLinux && architecture === 'x64') return { name: 'tensorflow' };
  if (build === 'CPU' && isLinux && architecture === 'x64') return { name: 'tensorflow-cpu' };
  if (build === 'CPU' && isLinux && architecture === 'arm64') return { name: 'tensorflow' };
  if (build === 'CPU' && platform === 'darwin' && architecture === 'arm64')
    return { name: 'tensorflow' };
  const here = `${platform} ${architecture}${platform === 'linux' && !isGlibc ? ' without glibc' : ''}`;
  return build === 'CUDA'
    ? {
        reason: `there is no wheel with the CUDA build of libtensorflow for ${here}; there is for Linux (glibc) x64. Install without --gpu`,
      }
    : {
        reason: `there is no wheel with libtensorflow for ${here}; there is for Linux (glibc) x64 and arm64 and for macOS arm64`,
      };
}

/**
 * Bytes of version 2.21 on Linux x64; other versions differ by some per cent. The progress display
 * needs them before the download, and pip does not print them.
 */
export const wheelSizes = {
  CPU: { download: 0.274e9, installed: 0.853e9 },
  CUDA: { download: 3.38e9, installed: 5.59e9 },
} as const satisfies Record<Build, { readonly download: number; readonly installed: number }>;

/**
 * Parses the wheels that TensorFlow's CUDA build requires (its extra `and-cuda`) from METADATA, in
 * pip's form: `nvidia-cudnn-cu12<10.0,>=9.3.0.75`. METADATA has `Requires-Dist:
 * nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"`, before version 2.20 `nvidia-cudnn-cu12
 * ==9.3.0.75 ; extra == 'and-cuda'` (PEP 508).
 * @throws Error if there are none.
 */
export function cudaRequirements(metadata: string): readonly string[] {
  const found = metadata.split(/\r?\n/).flatMap((line) => {
    const [, requirement] =
      /^Requires-Dist:\s*(nvidia-[^;]+);\s*extra\s*==\s*["']and-cuda["']\s*$/.exec(line) ?? [];
    return requirement === undefined ? [] : [requirement.replaceAll(/\s/g, '')];
  });
  if (found.length === 0)
    throw new Error(
      "kd-engine install: expected a wheel that names NVIDIA's, got none; this version is not built for CUDA so.",
    );
  return found;
}
