import { type Batch, ensure, expectedError, type Outputs, sha256, type Teacher } from '@kd/core';
import {
  dispose,
  gather,
  logSumExp,
  stack,
  type Tensor2D,
  tensor1d,
  tidy,
  unstack,
} from '@tensorflow/tfjs-core';
import { predict } from '../evaluate.ts';

/** Options of `mapClasses`. */
export interface MapClassesOptions {
  /**
   * Names of the teacher's classes, in the order of its logits. Two may be equal if they belong to
   * no class of the data.
   */
  readonly teacherClasses: readonly string[];
  /** Names of the classes of the data, in the order of the labels. */
  readonly classNames: readonly string[];
  /**
   * The class of the data that a teacher's class belongs to, where their names differ: `{ 'tabby
   * cat': 'cat', tiger_cat: 'cat' }`. Teacher's classes that are not in it belong to the class of
   * the same name, letter by letter, unless the map already names another one for it; those
   * without one are left out.
   */
  readonly classMap?: Readonly<Record<string, string>>;
}

/**
 * A teacher whose classes are those of the data: a teacher of other, of more, or of differently
 * ordered classes.
 *
 * Every class gets log Σ exp of the logits of the teacher's classes that belong to it, so that
 * their probabilities add up; classes of the teacher that belong to none are left out, and the
 * softmax renormalizes what remains. Features are passed through. The fingerprint names the map:
 * outputs that were cached under another one are refused.
 * @throws RangeError that names the classes of the data without a class of the teacher, with the
 * names that differ from them in case and punctuation alone; unknown names in the map; and a
 * teacher whose logits are not `teacherClasses`, at its first batch.
 */
export function mapClasses(teacher: Teacher, options: MapClassesOptions): Teacher {
  const members = findMembers(options);
  const { teacherClasses } = options;
  const mapped = ({ logits, features }: Outputs): Outputs => {
    ensure(
      logits.shape[1] === teacherClasses.length,
      'mapClasses',
      `a teacher of the ${teacherClasses.length} teacherClasses`,
      `logits of ${logits.shape[1]}`,
      'name all classes of the teacher in the order of its logits',
    );
    return { logits: mapLogits(logits, members), features };
  };
  const direct = (batch: Batch): Outputs =>
    tidy(() => {
      const { logits, features } = mapped(teacher(batch));
      return { logits, features: { ...features } };
    });
  const predictAsync = async (batch: Batch): Promise<Outputs> => {
    const outputs = await predict(teacher, batch);
    try {
      return mapped(outputs);
    } catch (error) {
      dispose(Object.values(outputs.features));
      throw error;
    } finally {
      outputs.logits.dispose();
    }
  };
  const { fingerprint } = teacher;
  return Object.assign(direct, {
    predictAsync,
    ...(fingerprint === undefined
      ? {}
      : {
          fingerprint: async () => {
            const { name, weights, preprocessing } = await fingerprint();
            const digest = await sha256(new TextEncoder().encode(JSON.stringify(members)));
            return {
              name: `${name} mapped to ${options.classNames.length} classes`,
              weights,
              preprocessing: `${preprocessing}; classes ${digest}`,
            };
          },
        }),
  });
}

/** log Σ exp over the members of every class. @returns [batch, classes]. */
function mapLogits(logits: Tensor2D, members: readonly (readonly number[])[]): Tensor2D {
  return tidy(() => {
    const pick = (indices: readonly number[]): Tensor2D =>
      gather(logits, tensor1d([...indices], 'int32'), 1);
    if (members.every(({ length }) => length === 1)) return pick(members.flat());
    // Classes of one member are exact: only the others are summed.
    const first = unstack(pick(members.map(([index]) => index as number)), 1);
    const columns = members.map((indices, label) =>
      indices.length === 1 ? first[label] : logSumExp(pick(indices), 1),
    );
    return stack(columns as Tensor2D[], 1) as Tensor2D;
  });
}

/** The teacher's classes of every class of the data. @throws RangeError */
function findMembers(options: MapClassesOptions): number[][] {
  const { teacherClasses, classNames, classMap = {} } = options;
  ensure(teacherClasses.length > 0, 'mapClasses', 'teacherClasses, one or more', 'none');
  ensure(classNames.length > 0, 'mapClasses', 'classNames, one or more', 'none');
  const twice = findTwice(classNames);
  ensure(twice === undefined, 'mapClasses', 'classNames that differ', `'${twice}' twice`);
  for (const [from, to] of Object.entries(classMap)) {
    expectKnown(`a class of the teacher in classMap`, from, teacherClasses);
    expectKnown(`a class of the data in classMap for ${from}`, to, classNames);
  }
  const members: number[][] = classNames.map(() => []);
  const labels = new Map(classNames.map((name, label) => [name, label]));
  for (const [index, name] of teacherClasses.entries()) {
    const label = labels.get(Object.hasOwn(classMap, name) ? (classMap[name] as string) : name);
    if (label !== undefined) members[label]?.push(index);
  }
  // A list may name two classes alike (ImageNet's have two cranes), as long as neither is meant.
  const ambiguous = findTwice(members.flat().map((index) => teacherClasses[index] as string));
  ensure(
    ambiguous === undefined,
    'mapClasses',
    'names of teacherClasses that are used to stand for one class',
    `'${ambiguous}' twice`,
    'give the two different names in teacherClasses',
  );
  const missing = classNames.filter((_, label) => members[label]?.length === 0);
  if (missing.length > 0)
    throw expectedError(
      'mapClasses',
      'a class of the teacher for every class of the data',
      `none for ${listed(missing)}`,
      suggest(missing, teacherClasses),
    );
  return members;
}

function findTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

function expectKnown(expected: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const [like] = known.filter((one) => plain(one) === plain(name));
  throw expectedError(
    'mapClasses',
    expected,
    `'${name}'`,
    like === undefined ? `there are ${listed(known)}` : `there is '${like}'`,
  );
}

/** The remedy: names that differ in case and punctuation alone, as a map to be copied. */
function suggest(missing: readonly string[], teacherClasses: readonly string[]): string {
  const pairs = missing.flatMap((name) =>
    teacherClasses.filter((one) => plain(one) === plain(name)).map((one) => [one, name] as const),
  );
  return pairs.length === 0
    ? `name them in classMap, from the teacher's ${listed(teacherClasses)}`
    : `do you mean classMap: ${JSON.stringify(Object.fromEntries(pairs.slice(0, listLength)))}`;
}

const listLength = 10;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, listLength).map((name) => `'${name}'`);
  const more = names.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** A name without case, spaces and punctuation. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}
