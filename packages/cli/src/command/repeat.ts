import type { EngineName } from '@kd/engine';
import type { Changes } from '../config.ts';
import type { RunRecord } from '../record/run.ts';
import type { Request } from './parse.ts';
import { usage } from './usageError.ts';

/** The command line that repeats a run. */
export function commandOf(preset: string, engine: EngineName, changes: Changes): string {
  const flags = Object.entries(changes).map(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) return flag;
    return `${flag} ${Array.isArray(value) ? `${value.join(',')}${value.length === 1 ? ',' : ''}` : value}`;
  });
  return ['npm run distill --', `--preset ${preset}`, ...flags, `--engine ${engine}`].join(' ');
}

/**
 * Flags beside `--resume` must say what the run says already.
 * @throws UsageError that names the first that does not.
 */
export function expectSameRun(
  request: Request,
  { config, environment }: RunRecord,
  directory: string,
): void {
  const {
    teacher,
    student,
    method,
    temperature,
    assistant,
    generations,
    epochs,
    seeds,
    teacherWeights,
    pictures,
    asPrinted,
  } = request.changes;
  const pairs: readonly (readonly [flag: string, given: unknown, recorded: unknown])[] = [
    ['preset', request.preset, config.preset],
    ['teacher', teacher, config.teacher.architecture],
    ['student', student, config.student.architecture],
    ['method', method, config.distillation.method],
    ['temperature', temperature, config.distillation.temperature],
    ['assistant', assistant, config.distillation.assistant],
    ['generations', generations, config.distillation.generations],
    ['teacher-weights', teacherWeights, config.teacher.body?.weights],
    ['pictures', pictures, config.data.pictures - config.data.held],
    ['as-printed', asPrinted, config.asPrinted ?? false],
    ['epochs', epochs, config.student.epochs],
    ['seeds', seeds?.join(','), config.seeds.join(',')],
    ['engine', request.engine, environment.engine.name],
  ];
  for (const [flag, given, recorded] of pairs) {
    if (given !== undefined && given !== recorded)
      throw usage(
        `--${flag}`,
        `${recorded}, as in ${directory}`,
        given,
        'leave it out, or start a new run',
      );
  }
  if (request.out !== undefined)
    throw usage('--out', 'nothing beside --resume', request.out, 'a run stays in its folder');
}
