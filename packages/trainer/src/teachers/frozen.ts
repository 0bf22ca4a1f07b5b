import { compile, identityOf, type Network, type Teacher } from '@kd/core';
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';

/**
 * A network as a teacher: always with running averages (`training: false`), outside the gradient tape; nothing of it changes.
 * The network still belongs to the caller.
 */
export function frozen(network: Network): Teacher {
  const look = compile((images: Tensor4D) =>
    tidy(() => {
      const { logits, features } = network.forward(images, { training: false });
      return { logits, features: { ...features } };
    }),
  );
  const teacher: Teacher = ({ images }) => look(images);
  return Object.assign(teacher, { identity: () => identityOf(network) });
}
