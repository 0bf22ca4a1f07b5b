import { expectedError } from '@kd/core';
import { describe, dictOf, holdsTensors, partsOf } from './parts.ts';

/** Keys under which training scripts keep the weights. */
const usual = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'module',
  'weights',
  'params',
];
/** Keys of averaged twins, and of what is no network. */
const others = /ema|averaged|swa|optim|sched|scaler/i;

export interface StateDict {
  /** Name → tensor or anything else. */
  readonly dict: ReadonlyMap<unknown, unknown>;
  /** Its key in the checkpoint; empty where it is the whole. */
  readonly part: string;
}

/**
 * Finds the state dict in what was saved: the one asked for; or the only one under a usual key; or
 * the whole; or the only dict of tensors that is neither
 * an averaged twin (`model_ema`) nor an optimizer's.
 * @throws RangeError that lists what there is, where none is found or several are.
 */
export function stateDict(root: unknown, wanted: string | undefined, place: string): StateDict {
  const parts = partsOf(root);
  const names = [...parts.keys()];
  const choice = names.map((name) => `{ part: '${name}' }`).join(' or ');
  if (wanted !== undefined) {
    const dict = wanted === '' ? dictOf(root) : parts.get(wanted);
    if (dict !== undefined && (wanted !== '' || holdsTensors(root))) return { dict, part: wanted };
    throw expectedError(
      place,
      `tensors under '${wanted}'`,
      contentOf(root),
      names.length > 0 ? `ask for ${choice}` : undefined,
    );
  }
  const plain = names.filter((name) => name.split('.').every((key) => usual.includes(key)));
  const candidates =
    plain.length > 0 || holdsTensors(root) ? plain : names.filter((name) => !others.test(name));
  const [part] = candidates;
  if (part !== undefined && candidates.length === 1)
    return { dict: parts.get(part) as StateDict['dict'], part };
  if (candidates.length > 1)
    throw expectedError(
      place,
      'one state dict',
      `several: ${candidates.join(', ')}`,
      `ask for ${choice}`,
    );
  const whole = dictOf(root);
  if (whole !== undefined && holdsTensors(root)) return { dict: whole, part: '' };
  throw expectedError(
    place,
    'a state dict',
    contentOf(root),
    names.length > 0 ? `ask for ${choice}` : 'in Python: torch.save(model.state_dict(), …)',
  );
}

/** `a dict of epoch, args (argparse.Namespace)`, at most so many of its keys. */
function contentOf(root: unknown, limit = 20): string {
  const dict = dictOf(root);
  if (dict === undefined) return describe(root);
  const keys = [...dict]
    .slice(0, limit)
    .map(([key, value]) => `${describe(key)} (${describe(value)})`);
  return `a dict of ${keys.join(', ')}${dict.size > limit ? ' …' : ''}`;
}
