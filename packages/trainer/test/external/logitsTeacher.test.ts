import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Teacher, ViewKey } from '@kd/core';
import { encodeSafetensors, type SafetensorsTensor } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine, temporaryDirectories } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/index.ts';
import { type LogitsTeacherOptions, logitsTeacher } from '../../src/node/index.ts';
import { onCpu } from '../helpers/cpu.ts';
import { tinySource } from '../helpers/source.ts';
import { fixture, messageOf, tiny } from './tiny.ts';

const emptyDirectory = temporaryDirectories();
const plain = { spec: 'plain', seed: 0 };

/** Logits of some images. */
function logitsOf(teacher: Teacher, rows: readonly number[], view: ViewKey = plain): number[] {
  return tf.tidy(() => {
    const batch = {
      images: tf.zeros<tf.Rank.R4>([rows.length, 1, 1, 1]),
      labels: tf.zeros<tf.Rank.R1>([rows.length], 'int32'),
    };
    return Array.from(
      teacher({ ...batch, indices: Int32Array.from(rows), view }).logits.dataSync(),
    );
  });
}

/** Rows of five. */
const rowsOf = (values: readonly number[], rows: readonly number[]) =>
  rows.flatMap((row) => values.slice(row * 5, row * 5 + 5));

onEveryEngine(() => {
  test.each([
    ['logits.npy', 0],
    ['columns.npy', 1e-7],
    ['half.npy', 1e-3],
  ])("numpy's %s is looked up by row", async (name, tolerance) => {
    const teacher = await logitsTeacher(fixture(name));
    await expectNoNewTensors(() =>
      expectClose(
        logitsOf(teacher, [6, 0, 3, 3]),
        Float32Array.from(rowsOf(tiny.logits, [6, 0, 3, 3])),
        tolerance + 1e-7,
      ),
    );
  });
});

describe('a file of logits', () => {
  onCpu();
  const saved = (tensors: Record<string, SafetensorsTensor>, metadata = {}) => {
    const file = path.join(emptyDirectory(), 'said.safetensors');
    writeFileSync(file, encodeSafetensors(tensors, metadata));
    return file;
  };
  const matrix = (data: number[], rows: number): SafetensorsTensor => ({
    dtype: 'F32',
    shape: [rows, data.length / rows],
    data: Float32Array.from(data),
  });

  test('may be safetensors, and hold probabilities, 0 among them', async () => {
    const file = saved({ logits: matrix(tiny.logits, 7), other: matrix([1, 2], 1) });
    expectClose(
      logitsOf(await logitsTeacher(file), [1]),
      Float32Array.from(rowsOf(tiny.logits, [1])),
      0,
    );
    const soft = await logitsTeacher(saved({ said: matrix([0.25, 0.75, 1, 0], 2) }), {
      outputs: 'probabilities',
    });
    expectClose(logitsOf(soft, [0, 1]), [Math.log(0.25), Math.log(0.75), 0, -126 * Math.LN2], 1e-6);
  });

  test('shows in an evaluation whether rows and images belong together', async () => {
    const source = tinySource({ rows: 4, classes: 2, labels: [0, 1, 1, 0] });
    const teacher = await logitsTeacher(saved({ logits: matrix([3, 0, 0, 3, 0, 3, 3, 0], 4) }));
    expect((await evaluate(teacher, source)).top1).toBe(1);
    const shuffled = await logitsTeacher(saved({ logits: matrix([0, 3, 3, 0, 0, 3, 3, 0], 4) }));
    expect((await evaluate(shuffled, source)).top1).toBe(0.5);
  });

  test('is refused for images under another view, unless that is passed', async () => {
    const predicted = async (options: LogitsTeacherOptions, view: ViewKey) =>
      logitsOf(await logitsTeacher(fixture('logits.npy'), options), [0], view);
    const crop = { spec: 'crop(pad=4)', seed: 7 };
    expect(await messageOf(predicted({}, crop))).toBe(
      "logits.npy: expected images under the view of these logits (plain from seed 0), got crop(pad=4) from seed 7; train without augmentation, use a live teacher, or pass view: 'ignored' to use the logits of other pixels.",
    );
    expect(await messageOf(predicted({ view: crop }, { ...crop, seed: 8 }))).toMatch(
      '(crop(pad=4) from seed 7), got crop(pad=4) from seed 8;',
    );
    for (const view of ['ignored', crop] as const)
      expect(await predicted({ view }, crop)).toHaveLength(5);
    const fingerprints = await Promise.all(
      [{}, { view: 'ignored' as const }].map(async (options) =>
        (await logitsTeacher(fixture('logits.npy'), options)).fingerprint(),
      ),
    );
    expect(fingerprints.map(({ preprocessing }) => preprocessing)).toEqual([
      'logits by row, of view plain from seed 0',
      'logits by row, the same for every view',
    ]);
    expect(fingerprints[0]).toMatchObject({
      name: 'logits.npy',
      weights: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('refuses images beyond its last row', async () => {
    const teacher = await logitsTeacher(fixture('logits.npy'));
    expect(() => logitsOf(teacher, [7])).toThrow(
      'logits.npy: expected indices of the data set below 7, the number of rows, got 7; the logits are of another data set.',
    );
  });

  test('of the wrong kind is refused', async () => {
    for (const format of ['kd-teacher-logits', 'kd-output-cache'])
      expect(
        await messageOf(logitsTeacher(saved({ logits: matrix(tiny.logits, 7) }, { format }))),
      ).toBe(
        'said.safetensors: expected logits of one view, got an output cache; cachedTeacher reads those.',
      );
    expect(
      await messageOf(logitsTeacher(saved({ a: matrix([1, 2], 1), b: matrix([1, 2], 1) }))),
    ).toBe(
      'said.safetensors: expected one matrix of floats, or one called logits, got [a, b]; name it: tensor.',
    );
    expect(await messageOf(logitsTeacher(saved({ a: matrix([Number.NaN, 2], 1) })))).toBe(
      'said.safetensors: expected finite logits, got NaN in row 0.',
    );
    expect(await messageOf(logitsTeacher(saved({ a: matrix([0.5, 0.5], 1) })))).toMatch(
      "or pass outputs: 'probabilities'.",
    );
  });
});

describe('an .npy file', () => {
  const bytes = readFileSync(fixture('logits.npy'));
  const readable = bytes.toString('latin1', 10, 128);
  const refused = async (header: string, more: Uint8Array = bytes.subarray(128)) => {
    const file = path.join(emptyDirectory(), 'x.npy');
    writeFileSync(
      file,
      Buffer.concat([
        bytes.subarray(0, 10),
        Buffer.from(header.slice(0, 118).padEnd(118), 'latin1'),
        more,
      ]),
    );
    return messageOf(logitsTeacher(file));
  };

  test.each([
    [
      'code for a shape',
      readable.replace('(7, 5)', 'exit()'),
      /expected a header of 'descr', 'fortran_order' and 'shape'/,
    ],
    [
      'objects',
      readable.replace('<f4', '|O8'),
      /expected descr '<f2', '<f4' or '<f8', got '\|O8'; save it as float32/,
    ],
    ['big-endian numbers', readable.replace('<f4', '>f4'), /got '>f4'/],
    ['a name of JavaScript for a type', readable.replace('<f4', 'toString'), /got 'toString'/],
    [
      'more rows than numbers',
      readable.replace('(7, 5)', '(9, 5)'),
      /expected 180 bytes of numbers \(F32 \[9, 5\]\), got 140/,
    ],
    [
      'sides beyond all numbers',
      readable.replace('(7, 5)', `(${'9'.repeat(20)}, 5)`),
      /a shape of whole numbers/,
    ],
    [
      'one axis',
      readable.replace('(7, 5)', '(35,)'),
      /logits of shape \[images, classes\], got \[35\]/,
    ],
    [
      'no order',
      readable.replace("'fortran_order': False, ", ''),
      /fortran_order True or False, got nothing/,
    ],
    ['too many entries', readable.replace('}', "'more': True, }"), /expected a header of/],
  ])('with %s is refused', async (_, header, message) => {
    expect(await refused(header)).toMatch(message);
  });

  test('cut short, or an archive of several, is refused', async () => {
    const file = path.join(emptyDirectory(), 'x.npy');
    for (const [content, message] of [
      [bytes.subarray(0, 8), /expected an \.npy file/],
      [bytes.subarray(0, 100), /a header of 118 bytes, got 90; the file is cut short/],
      [bytes.subarray(0, 200), /140 bytes of numbers .*, got 72/],
      [Buffer.from('PK\x03\x04'), /got a zip archive; save one array: np\.save\(file, logits\)/],
    ] as const) {
      writeFileSync(file, content);
      expect(await messageOf(logitsTeacher(file))).toMatch(message);
    }
  });
});
