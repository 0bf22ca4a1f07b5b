import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import { attributeType, dataType } from '../constants.ts';
import { replaceKernel } from '../quick/replace.ts';

/**
 * Upstream's gather reads its indices to see whether they are in range. While tracing there is
 * nothing to read: TensorFlow checks them at the call.
 */
export function addTracedGather(): void {
  replaceKernel('GatherV2', (stock) => (call) => {
    const { inputs, attrs, backend } = call;
    if (backend.binding.trace === undefined) return stock(call);
    const { x, indices } = inputs as Record<'x' | 'indices', tf.Tensor>;
    const { axis, batchDims } = attrs as { axis: number; batchDims: number };
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims);
    const attributes: Attribute[] = [
      { name: 'batch_dims', type: attributeType.int, value: batchDims },
      { name: 'Taxis', type: attributeType.type, value: dataType.int32 },
    ];
    const axisTensor = tf.scalar(axis, 'int32');
    const gathered = backend.executeSingleOutput('GatherV2', attributes, [x, indices, axisTensor]);
    axisTensor.dispose();
    return gathered;
  });
}
