import { ensure } from '@kd/core';
import type { Attribute } from '../attributes.ts';
import type { OpDefinition } from './opDefinitions.ts';

/** The inputs of a node in order: one tensor, or a list of them. */
export type InputGroup<Input> = { readonly single: Input } | { readonly list: readonly Input[] };

/**
 * Divides inputs that came one after the other into single ones and lists, as the op defines them.
 * Lengths of lists are in the attributes; one that is not
 * there is as long as what the others leave.
 * @throws RangeError where the number of inputs cannot be divided so.
 */
export function groupInputs<Input>(
  op: string,
  definition: OpDefinition,
  attributes: readonly Attribute[],
  inputs: readonly Input[],
): InputGroup<Input>[] {
  const lengths = definition.inputs.map(({ list }) =>
    list === undefined ? 1 : lengthIn(attributes, list),
  );
  const told = lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0);
  const untold = new Set(
    definition.inputs.filter((_, at) => lengths[at] === undefined).map(({ list }) => list),
  );
  const count = lengths.filter((length) => length === undefined).length;
  ensure(
    untold.size <= 1,
    op,
    'attributes that tell the lengths of its lists',
    `none for ${[...untold].join(' and ')}`,
  );
  const each = count === 0 ? 0 : (inputs.length - told) / count;
  ensure(
    Number.isInteger(each) && each >= 0 && told + each * count === inputs.length,
    op,
    `${told} inputs${count === 0 ? '' : ' or more'}`,
    inputs.length,
  );
  let from = 0;
  return definition.inputs.map(({ list }, at) => {
    const to = from + (lengths[at] ?? each);
    const group =
      list === undefined ? { single: inputs[from] as Input } : { list: inputs.slice(from, to) };
    from = to;
    return group;
  });
}

function lengthIn(attributes: readonly Attribute[], name: string): number | undefined {
  const value = attributes.find((attribute) => attribute.name === name)?.value;
  if (Array.isArray(value)) return value.length;
  return typeof value === 'number' ? value : undefined;
}
