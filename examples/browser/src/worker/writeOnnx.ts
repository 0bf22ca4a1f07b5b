export function writeOnnx(..._: unknown[]): Uint8Array<ArrayBuffer> {
  throw new Error('ONNX files are not written yet');
}
