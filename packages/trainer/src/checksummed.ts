import { ensure, sha256 } from '@kd/core';
import {
  type DecodedSafetensors,
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '@kd/files';

/**
 * Encodes a safetensors file with a checksum: its metadata `digest` is the sha256 of the same file
 * without it. Any reader of the format reads the file; `decodeChecksummed` verifies it.
 */
export async function encodeChecksummed(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const digest = await sha256(encodeSafetensors(tensors, metadata));
  return encodeSafetensors(tensors, { ...metadata, digest });
}

/**
 * Decodes a safetensors file and verifies its checksum.
 * @param caller Name and location of the file, for messages.
 * @param options.optional Accepts a file without a checksum, as other programs write it; false.
 * @throws RangeError if it is no safetensors file, was cut short or was altered.
 */
export async function decodeChecksummed(
  bytes: Uint8Array,
  caller: string,
  { optional = false }: { readonly optional?: boolean } = {},
): Promise<DecodedSafetensors> {
  const { tensors, metadata } = decodeSafetensors(bytes, caller);
  const { digest, ...rest } = metadata;
  if (digest === undefined) {
    ensure(optional, caller, 'metadata with a digest', 'none', 'it was not written by @kd/trainer');
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
