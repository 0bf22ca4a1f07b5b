import { ensure } from '@kd/core';

/**
 * Which fields of a message hold which messages; of each kind those on the way to a tensor. Source:
 * onnx.proto of ONNX 1.19.
 */
const kinds = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
} as const satisfies Record<string, Record<number, string>>;

type Kind = keyof typeof kinds;

/** `TensorProto.external_data`: names a file. */
const externalData = 13;
const deepest = 100;

/**
 * Throws where a tensor of an ONNX file lies in another file: ONNX Runtime would take it from
 * wherever the process happens to run, and it would be no
 * part of the teacher's identity.
 */
export function expectWeightsInside(bytes: Uint8Array, caller: string): void {
  walk(bytes, 'model', caller, 0);
}

function walk(bytes: Uint8Array, kind: Kind, caller: string, depth: number): void {
  ensure(
    depth <= deepest,
    caller,
    `an ONNX file of at most ${deepest} graphs inside one another`,
    'more',
  );
  const children: Readonly<Record<number, Kind>> = kinds[kind];
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = varint(bytes, at, caller);
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) at = varint(bytes, afterTag, caller)[1];
    else if (wire === 1 || wire === 5) at = afterTag + (wire === 1 ? 8 : 4);
    else {
      ensure(
        wire === 2,
        caller,
        'an ONNX file',
        `a field of wire type ${wire}`,
        'it is another kind of file, or damaged',
      );
      const [length, start] = varint(bytes, afterTag, caller);
      at = start + length;
      ensure(
        at <= bytes.length,
        caller,
        `${length} bytes in a field`,
        bytes.length - start,
        'the file is cut short',
      );
      const remedy =
        'save the weights inside: torch.onnx.export(…, external_data=False), or onnx.save(model, file)';
      ensure(
        kind !== 'tensor' || field !== externalData,
        caller,
        'all weights inside the file',
        'some in another',
        remedy,
      );
      const child = children[field];
      if (child !== undefined) walk(bytes.subarray(start, at), child, caller, depth + 1);
    }
  }
}

/** @returns The number, exact below 2⁵³, and where it ends. */
function varint(bytes: Uint8Array, start: number, caller: string): [number, number] {
  let value = 0;
  for (let at = start; at < start + 10; at++) {
    const byte = bytes[at];
    ensure(
      byte !== undefined,
      caller,
      'an ONNX file',
      'one that ends within a number',
      'it is another kind of file, or cut short',
    );
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return [value, at + 1];
  }
  ensure(
    false,
    caller,
    'an ONNX file',
    'a number of more than 10 bytes',
    'it is another kind of file, or damaged',
  );
}
