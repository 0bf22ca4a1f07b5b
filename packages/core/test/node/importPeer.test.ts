import { expect, test } from 'vitest';
import { importOptional } from '../../src/node/importPeer.ts';

test('an optional package that is missing is asked for, and one that fails to load says why', async () => {
  const failing = (error: Error) =>
    importOptional('onnxTeacher', 'onnxruntime-node', () => Promise.reject(error));
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  await expect(failing(missing)).rejects.toThrow(
    'onnxTeacher: expected the package onnxruntime-node, got no such package; npm install onnxruntime-node.',
  );
  await expect(failing(new Error('libonnxruntime.so: no such file'))).rejects.toThrow(
    'got libonnxruntime.so: no such file;',
  );
  expect(await importOptional('here', 'node:path', () => import('node:path'))).toHaveProperty(
    'join',
  );
});
