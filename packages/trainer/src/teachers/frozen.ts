import { type Batch, compile, fingerprint, type Network, type Teacher } from '@kd/core';
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { inferenceOf } from '../inference.ts';

/**
 * A network as a teacher: always with running averages (`training: false`), outside the gradient
 * tape; nothing of it changes.
 * Compiled, and folded where the network can be; weights that move later are taken over at the next
 * call. The network still belongs to the caller.
 */
export function networkTeacher(network: Network): Teacher {
  const { forward, refresh } = inferenceOf(network);
  const look = compile((images: Tensor4D) =>
    tidy(() => {
      const { logits, features } = forward(images);
      return { logits, features: { ...features } };
    }),
  );
  const teacher = ({ images }: Batch) => {
    refresh();
    return look(images);
  };
  const later = async ({ images }: Batch) => {
    refresh();
    return look.later(images);
  };
  return Object.assign(teacher, { later, identity: () => fingerprint(network) });
}
