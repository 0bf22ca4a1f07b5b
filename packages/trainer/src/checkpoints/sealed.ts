import { ensure, sha256 } from '@kd/core';
import {
  type DecodedSafetensors,
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '@kd/files';

/**
 * A safetensors file that knows when it was altered: metadata `digest` is the sha256 of the same
 * file without it.
 * Any reader of the format reads it; ours checks it.
 */
export async function seal(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const digest = await sha256(encodeSafetensors(tensors, metadata));
  return encodeSafetensors(tensors, { ...metadata, digest });
}

/**
 * @param caller For messages: the file's name and place.
 * @param needed Whether a file without a digest is refused: one of another program has none.
 * @throws RangeError where the file is no safetensors file, was cut or was altered.
 */
export async function unseal(
  bytes: Uint8Array,
  caller: string,
  needed: boolean,
): Promise<DecodedSafetensors> {
  const { tensors, metadata } = decodeSafetensors(bytes, caller);
  const { digest, ...rest } = metadata;
  if (digest === undefined) {
    ensure(!needed, caller, 'metadata with a digest', 'none', 'it was not written by @kd/trainer');
    return { tensors, metadata };
  }
  const actual = await sha256(encodeSafetensors(tensors, rest));
  ensure(
    actual === digest,
    caller,
    `contents with the sha256 ${digest}`,
    actual,
    'the file was altered; use another copy or start anew',
  );
  return { tensors, metadata: rest };
}
