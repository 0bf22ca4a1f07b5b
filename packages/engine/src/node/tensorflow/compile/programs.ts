import type { Program } from './program.ts';

/** Signatures of one function that are kept: more are a sign that shapes change at every call. */
const most = 8;

/** The programs of one function by signature; those unused for longest are forgotten. */
export class Programs {
  readonly #bySignature = new Map<string, Program>();

  get(signature: string): Program | undefined {
    const program = this.#bySignature.get(signature);
    if (program === undefined || this.#bySignature.size === 1) return program;
    this.#bySignature.delete(signature);
    this.#bySignature.set(signature, program);
    return program;
  }

  add(signature: string, program: Program): void {
    this.#bySignature.set(signature, program);
    if (this.#bySignature.size <= most) return;
    const [oldest] = this.#bySignature;
    if (oldest === undefined) return;
    this.#bySignature.delete(oldest[0]);
    oldest[1].release();
  }

  release(): void {
    for (const program of this.#bySignature.values()) program.release();
    this.#bySignature.clear();
  }
}
