/**
 * The wheels that TensorFlow's CUDA build needs, as its own METADATA names them.
 */

/**
 * Requirements of the extra `and-cuda`, for pip: `nvidia-cudnn-cu12<10.0,>=9.3.0.75`.
 *
 * METADATA writes `Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"`, before
 * version 2.20
 * `nvidia-cudnn-cu12 ==9.3.0.75 ; extra == 'and-cuda'` (PEP 508).
 * @throws Error where there are none.
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
