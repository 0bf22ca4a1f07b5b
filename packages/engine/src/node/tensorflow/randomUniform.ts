import * as tf from '@tensorflow/tfjs-core';
import { attributeType, dataType } from './constants.ts';
import { replaceKernel } from './quick/replace.ts';

/**
 * `KdRandomUniform` of @kd/core's randomUniform: drawn where the numbers are needed, by the op
 * whose numbers that function follows.
 */
export function registerRandomUniform(): void {
  replaceKernel('KdRandomUniform', () => ({ inputs, attrs, backend }) => {
    const shape = tf.tensor1d(attrs.shape as number[], 'int32');
    const type = (name: string, value: number) => ({ name, type: attributeType.type, value });
    const types = [
      type('dtype', dataType.float32),
      type('T', dataType.int32),
      type('Tseed', dataType.int32),
    ];
    const values = backend.executeSingleOutput('StatelessRandomUniform', types, [
      shape,
      inputs.seed as tf.Tensor,
    ]);
    shape.dispose();
    return values;
  });
}
