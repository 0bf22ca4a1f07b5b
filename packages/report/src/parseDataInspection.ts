/** The reader of `data.json`, which checks all of it. */
import { ensure } from '@kd/core';
import {
  type Check,
  fields,
  kind,
  list,
  number,
  oneOf,
  parseVersioned,
  png,
  text,
} from './checks.ts';
import { type DataInspectionRecord, dataInspectionFormat } from './dataInspection.ts';

/**
 * Reads an inspection from JSON of any origin: every field has its type, labels are those of
 * classes, and pictures are PNGs that are part of the file.
 * @param caller - Starts the error messages: the file's name.
 * @throws RangeError on text that is no inspection, or one of another version.
 */
export function parseDataInspection(json: string, caller: string): DataInspectionRecord {
  const value = parseVersioned(json, caller, {
    what: 'an inspection of images',
    format: dataInspectionFormat,
    remedyOf: () => 'it is of another version: remove the file, the report does without',
  });
  inspection(value, caller);
  const record = value as DataInspectionRecord;
  const classes = record.classNames.length;
  for (const [at, { classCounts }] of record.splits.entries()) {
    const where = `${caller}: splits[${at}].classCounts`;
    ensure(classCounts.length === classes, where, `${classes} numbers`, classCounts.length);
  }
  return record;
}

const count = kind('a number ≥ 0', (value) => typeof value === 'number' && value >= 0);
const splitName = oneOf('train', 'validation', 'test');
const tallies = list(fields({ what: text, images: count }));
const size = { height: count, width: count };

const label = kind(
  'a whole number ≥ −1',
  (value) => Number.isInteger(value) && Number(value) >= -1,
);
const picture: Check = fields({ split: splitName, name: text, label, png, ...size });

const split = fields({
  split: splitName,
  images: count,
  decoded: count,
  classCounts: list(count),
  unlabelled: count,
  mean: list(number),
  std: list(number),
});

const inspection = fields(
  {
    source: text,
    classNames: list(text),
    splits: list(split),
    sizes: fields({
      smallest: fields(size),
      median: fields(size),
      largest: fields(size),
      different: count,
      list: list(fields({ ...size, images: count })),
    }),
    formats: tallies,
    conversions: tallies,
    broken: fields({
      images: count,
      list: list(fields({ split: splitName, name: text, reason: text })),
    }),
    duplicates: fields({
      within: fields({}, { train: count, validation: count, test: count }),
      between: list(fields({ first: splitName, second: splitName, images: count })),
      conflicts: count,
      pairs: list(fields({ first: picture, second: picture })),
    }),
    uniform: fields({ images: count, list: list(picture) }),
    pictures: list(picture),
    warnings: list(text),
    problems: list(text),
  },
  { preparation: text, smaller: fields({ size: count, images: count }) },
);
