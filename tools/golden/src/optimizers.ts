import type { OptimizerFactory } from '@kd/core';
import { adagrad, adam, adamW, nadam, rmsProp, sgd } from '@kd/trainer';
import type { Json, JsonObject } from './file.ts';

/** PyTorch's name of an option → ours. */
type Names = Readonly<Record<string, string>>;

const decay: Names = { weight_decay: 'weightDecay' };
const adamNames: Names = { ...decay, eps: 'epsilon', amsgrad: 'amsgrad' };

/** PyTorch's optimizers that we have. `betas` is a pair there and two options here. */
const known: Readonly<
  Record<
    string,
    { readonly make: (options: JsonObject) => OptimizerFactory; readonly names: Names }
  >
> = {
  SGD: {
    make: sgd,
    names: { ...decay, momentum: 'momentum', nesterov: 'nesterov', dampening: 'dampening' },
  },
  Adam: { make: adam, names: adamNames },
  AdamW: { make: adamW, names: adamNames },
  NAdam: { make: nadam, names: { ...decay, eps: 'epsilon', momentum_decay: 'momentumDecay' } },
  Adagrad: { make: adagrad, names: { ...decay, eps: 'epsilon' } },
  RMSprop: {
    make: rmsProp,
    names: { ...decay, alpha: 'alpha', eps: 'epsilon', momentum: 'momentum', centered: 'centered' },
  },
};

/** Our optimizer for `torch.optim.SGD` and its options, or the name of what we do not have. */
export function optimizerOf(
  reference: string,
  options: JsonObject,
): { readonly make: OptimizerFactory } | { readonly missing: string } {
  const name = /torch\.optim\.(\w+)/.exec(reference)?.[1] ?? reference;
  const optimizer = Object.hasOwn(known, name) ? known[name] : undefined;
  if (optimizer === undefined) return { missing: name };
  const translated: Record<string, Json | undefined> = {};
  for (const [option, value] of Object.entries(options)) {
    const ours = optimizer.names[option];
    if (option === 'lr') continue;
    if (option === 'betas' && /Adam/.test(name) && Array.isArray(value))
      [translated.beta1, translated.beta2] = value;
    else if (ours === undefined) return { missing: `${name} with ${option}` };
    else translated[ours] = value;
  }
  return { make: optimizer.make(translated) };
}
