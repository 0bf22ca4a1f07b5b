import { formatInteger } from '@kd/core/internal';
import type { ImageInspection, SplitInspection } from './imageInspection.ts';

type Facts = Omit<ImageInspection, 'warnings' | 'problems'>;

/** Classes with fewer training images are named. */
const fewImages = 10;

/** The largest class of a balanced set has at most this many times the images of the smallest. */
const mostImbalance = 5;

/** Returns lines about what makes training impossible, each with what to do. */
export function findProblems(facts: Facts, skipBroken: boolean): string[] {
  const train = facts.splits.find(({ split }) => split === 'train');
  const lines: string[] = [];
  const { broken } = facts;
  if (broken.images > 0 && !skipBroken) {
    const [first] = broken.list;
    lines.push(
      `${countImages(broken.images)} cannot be read, such as ${first?.name} (${first?.reason}): ` +
        'get them again, or leave them out with --skip-broken.',
    );
  }
  if (train === undefined || train.images === 0)
    lines.push('There are no training images: put some into train, or a directory a class.');
  else if (train.decoded === 0) lines.push('No training image can be read: look at the files.');
  else if (train.unlabelled === train.images)
    lines.push('No training image has a label: name their classes by directories or a column.');
  else if (train.classCounts.filter((count) => count > 0).length < 2)
    lines.push(
      'All training images are of one class: there is nothing to tell apart; add another.',
    );
  return lines;
}

/** Returns lines about what to mind, each with what to do. */
export function findWarnings(facts: Facts, skipBroken: boolean): string[] {
  const train = facts.splits.find(({ split }) => split === 'train');
  return [
    ...(skipBroken ? brokenLines(facts) : []),
    ...(train === undefined ? [] : classLines(facts, train)),
    ...facts.splits.flatMap((split) => (split === train ? [] : missingLines(facts, split, train))),
    ...duplicateLines(facts),
    ...pixelLines(facts),
  ];
}

function brokenLines({ broken }: Facts): string[] {
  if (broken.images === 0) return [];
  return [`${countImages(broken.images)} cannot be read and ${are(broken.images)} left out.`];
}

function classLines({ classNames }: Facts, { classCounts, images, unlabelled }: SplitInspection) {
  const lines: string[] = [];
  const present = classCounts.filter((count) => count > 0);
  const absent = namesWhere(classNames, (label) => classCounts[label] === 0);
  if (absent.length > 0 && present.length > 0)
    lines.push(
      `${countClasses(absent.length)} without training images (${listNames(absent)}): ` +
        'networks cannot learn them; add images, or leave the class out.',
    );
  const single = namesWhere(classNames, (label) => classCounts[label] === 1);
  if (single.length > 0)
    lines.push(
      `${countClasses(single.length)} of one training image (${listNames(single)}): it stays in ` +
        'training, so that nothing is left to validate the class; add images.',
    );
  const rare = namesWhere(classNames, (label) => {
    const count = classCounts[label] as number;
    return count > 1 && count < fewImages;
  });
  if (rare.length > 0)
    lines.push(
      `${countClasses(rare.length)} of fewer than ${fewImages} training images ` +
        `(${listNames(rare)}): their accuracy will be a matter of chance; add images.`,
    );
  const [least, most] = [Math.min(...present), Math.max(...present)];
  if (present.length > 1 && most > mostImbalance * least) {
    const [rarest, commonest] = [least, most].map(
      (count) => classNames[classCounts.indexOf(count)],
    );
    lines.push(
      `The classes are unequal: ${formatInteger(most)} training images of ${commonest}, ` +
        `${formatInteger(least)} of ${rarest}. Look at the recall of each class, not at the ` +
        'accuracy alone; class-balanced sampling or class weights help the rare ones.',
    );
  }
  if (unlabelled > 0 && unlabelled < images)
    lines.push(
      `${countImages(unlabelled)} for training ${have(unlabelled)} no label: only the distilled ` +
        'student learns from them, by the teacher alone.',
    );
  return lines;
}

function missingLines(
  { classNames }: Facts,
  { split, classCounts, unlabelled }: SplitInspection,
  train: SplitInspection | undefined,
): string[] {
  const missing = namesWhere(
    classNames,
    (label) => classCounts[label] === 0 && (train?.classCounts[label] ?? 0) > 0,
  );
  const lines: string[] = [];
  if (missing.length > 0)
    lines.push(
      `${countClasses(missing.length)} without ${split} images (${listNames(missing)}): nothing ` +
        'is measured for them; add some.',
    );
  if (unlabelled > 0)
    lines.push(
      `${countImages(unlabelled)} of ${split} ${have(unlabelled)} no label and count for nothing.`,
    );
  return lines;
}

function duplicateLines({ duplicates: { within, between, conflicts } }: Facts): string[] {
  const lines = between.map(({ first, second, images }) => {
    const harm =
      first === 'train'
        ? `networks may know the answer, so that ${second} accuracy is too high`
        : 'the choice of the best epoch knows them';
    return `${countImages(images)} of ${second} ${are(images)} in ${first} too: ${harm}; remove them from one of the two.`;
  });
  if (conflicts > 0)
    lines.push(
      `${formatInteger(conflicts)} ${conflicts === 1 ? 'picture occurs' : 'pictures occur'} with ` +
        'two labels: one of them is wrong; decide which.',
    );
  const copies = within.train ?? 0;
  if (copies > 0)
    lines.push(
      `${countImages(copies)} of train ${copies === 1 ? 'repeats' : 'repeat'} an earlier one of ` +
        'it: where copies are many, remove them, since validation images are drawn from train.',
    );
  return lines;
}

function pixelLines({ uniform, smaller }: Facts): string[] {
  const lines: string[] = [];
  if (uniform.images > 0)
    lines.push(
      `${countImages(uniform.images)} ${are(uniform.images)} of one color, such as ` +
        `${uniform.list[0]?.name}: look whether they are meant.`,
    );
  if (smaller !== undefined && smaller.images > 0)
    lines.push(
      `${countImages(smaller.images)} ${are(smaller.images)} smaller than ${smaller.size} pixels ` +
        'and will be enlarged: a smaller size trains faster and loses nothing of them.',
    );
  return lines;
}

function countImages(count: number): string {
  return `${formatInteger(count)} ${count === 1 ? 'image' : 'images'}`;
}

function countClasses(count: number): string {
  return `${formatInteger(count)} ${count === 1 ? 'class' : 'classes'}`;
}

function are(count: number): string {
  return count === 1 ? 'is' : 'are';
}

function have(count: number): string {
  return count === 1 ? 'has' : 'have';
}

function namesWhere(names: readonly string[], isMeant: (label: number) => boolean): string[] {
  return names.filter((_, label) => isMeant(label));
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 5);
  const rest = names.length - shown.length;
  return [...shown, ...(rest > 0 ? [`${formatInteger(rest)} more`] : [])].join(', ');
}
