import { ensure, expectedError } from '@kd/core';
import type { DecodedSafetensors } from '@kd/files';
import { checkedLayout } from './layout.ts';
import type { FeatureCache } from './recordFeatures.ts';

export const FEATURES_FORMAT = 'kd-body-features';
export const FEATURES_VERSION = '1';
/** File name where none is given. */
export const FEATURES_FILE = 'features.safetensors';

/** The file beside the parts. */
export interface FeaturesFile {
  readonly manifest: FeatureCache;
  readonly rows: Int32Array;
  readonly labels: Int32Array;
}

/**
 * @throws RangeError on a file that is no recording of a body or whose parts do not fit together.
 */
export function featuresFileOf(
  { tensors, metadata }: DecodedSafetensors,
  caller: string,
): FeaturesFile {
  ensure(
    metadata.format === FEATURES_FORMAT,
    caller,
    `format ${FEATURES_FORMAT}`,
    metadata.format,
    'it is no recording of a body',
  );
  ensure(
    metadata.version === FEATURES_VERSION,
    caller,
    `version ${FEATURES_VERSION}`,
    metadata.version,
    'record the body again',
  );
  ensure(metadata.manifest !== undefined, caller, 'metadata manifest', 'nothing');
  const manifest = JSON.parse(metadata.manifest) as FeatureCache;
  ensure(typeof manifest.end === 'string', caller, 'the end of the body', manifest.end);
  const column = (name: 'rows' | 'labels'): Int32Array => {
    const found = tensors[name];
    if (!(found?.data instanceof Int32Array))
      throw expectedError(caller, `${name} in I32`, found?.dtype);
    ensure(
      found.shape.join() === String(manifest.rows),
      caller,
      `${name} of shape [${manifest.rows}]`,
      found.shape,
    );
    return found.data;
  };
  return {
    manifest: { ...manifest, layout: checkedLayout(caller, manifest.layout) },
    rows: column('rows'),
    labels: column('labels'),
  };
}
