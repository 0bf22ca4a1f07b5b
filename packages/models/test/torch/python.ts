import { execFileSync } from 'node:child_process';

/** A Python that may have torch: tests with PyTorch itself run where it has. */
export const python = process.env.KD_TORCH_PYTHON || 'python3';

/** @returns undefined where that Python has torch and safetensors. */
export function refusalOfTorch(): string | undefined {
  try {
    execFileSync(python, ['-c', 'import torch, safetensors'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${python} has no torch and safetensors; KD_TORCH_PYTHON=<one that has>`;
  }
}
