import { readFileSync } from 'node:fs';
import { usageError } from './usageError.ts';

/** A teacher that keeps its own classes: nothing of it is trained. */
export interface OwnHead {
  /** File or address of all its weights. */
  readonly weights: string;
  /** Its classes, in the order of its logits. */
  readonly classNames: readonly string[];
  /** As `MapClassesOptions.classMap` of @kd/trainer. */
  readonly classMap?: Readonly<Record<string, string>>;
}

/** The flags that describe such a teacher. */
interface OwnHeadFlags {
  readonly teacherClasses?: string;
  readonly classMap?: string;
  readonly teacherWeights?: string;
  readonly teacherEpochs?: number;
}

/**
 * Reads the files of `--teacher-classes` and `--class-map`.
 * @returns undefined where there are none.
 * @throws UsageError where a flag is missing beside them, or a file is not as it should be.
 */
export function readOwnHead({
  teacherClasses,
  classMap,
  teacherWeights,
  teacherEpochs,
}: OwnHeadFlags): OwnHead | undefined {
  if (teacherClasses === undefined) {
    if (classMap !== undefined)
      throw usageError('--class-map', 'nothing without --teacher-classes', classMap);
    return undefined;
  }
  if (teacherWeights === undefined)
    throw usageError(
      '--teacher-weights',
      'the weights of the teacher with these classes',
      'nothing',
    );
  if (teacherEpochs !== undefined)
    throw usageError(
      '--teacher-epochs',
      'nothing beside --teacher-classes, whose teacher is not trained',
      teacherEpochs,
      'leave it out',
    );
  return {
    weights: teacherWeights,
    classNames: readNames(teacherClasses),
    ...(classMap !== undefined && { classMap: readMap(classMap) }),
  };
}

function readNames(file: string): readonly string[] {
  const expected = 'two or more different names, one a line, or a JSON list of them';
  const text = readText(file, '--teacher-classes');
  const names: unknown = text.trimStart().startsWith('[')
    ? parse(text, '--teacher-classes', expected)
    : text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const isRight =
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string') &&
    names.length > 1 &&
    new Set(names).size === names.length;
  if (!isRight) throw usageError(`--teacher-classes ${file}`, expected, 'something else');
  return names;
}

function readMap(file: string): Readonly<Record<string, string>> {
  const expected = "a JSON object from names of the teacher's classes to names of yours";
  const map = parse(readText(file, '--class-map'), '--class-map', expected);
  const isRight =
    typeof map === 'object' &&
    map !== null &&
    !Array.isArray(map) &&
    Object.values(map).every((name) => typeof name === 'string');
  if (!isRight) throw usageError(`--class-map ${file}`, expected, 'something else');
  return map as Record<string, string>;
}

function readText(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw usageError(flag, 'a file', code === 'ENOENT' ? `no such file: ${file}` : message);
  }
}

function parse(text: string, flag: string, expected: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(flag, expected, (error as Error).message);
  }
}
