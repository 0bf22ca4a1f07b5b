import type { ModelFingerprint, Network } from './contracts.ts';
import { ensure } from './errors.ts';

/** Computes the sha256 of some bytes. @returns 64 hexadecimal digits. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  ensure(
    subtle !== undefined,
    'sha256',
    'crypto.subtle',
    'nothing',
    'a browser has it on https pages and on localhost only',
  );
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Computes the fingerprint of a network. Two fingerprints are equal exactly when name,
 * preprocessing
 * and all weights are.
 *
 * `weights` is the sha256 of one line for each weight, in order of their names: the name as JSON,
 * dtype, shape, and the sha256 of its bytes.
 */
export async function fingerprint(
  network: Pick<Network, 'name' | 'preprocessing' | 'weights'>,
): Promise<ModelFingerprint> {
  const lines: string[] = [];
  for (const name of Object.keys(network.weights).sort()) {
    const weight = network.weights[name] as Network['weights'][string];
    const data = await weight.data();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    lines.push(
      `${JSON.stringify(name)} ${weight.dtype} [${weight.shape.join(',')}] ${await sha256(bytes)}\n`,
    );
  }
  const weights = await sha256(new TextEncoder().encode(lines.join('')));
  return { name: network.name ?? 'network', weights, preprocessing: network.preprocessing ?? '' };
}
