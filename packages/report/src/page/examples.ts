import { grouped, percent } from '../format.ts';
import { escaped } from '../html.ts';
import { pngUri } from './png.ts';
import { type Answers, type Case, type Group, groupsOf } from './predictions.ts';

const barsEach = 4;

/**
 * Pictures of the test set with the teacher's soft labels beside the truth and the students'
 * answers.
 */
export function pictures(answers: Answers, temperature: number): string {
  return groupsOf(answers, temperature)
    .filter(({ shown }) => shown.length > 0)
    .map((group) => rows(group, answers))
    .join('');
}

function rows({ title, count, shown }: Group, answers: Answers): string {
  const share = `${grouped(count)} of ${grouped(answers.labels.length)}`;
  return `<h3>${escaped(title)} <small>${share}</small></h3><div class="cards">${shown.map((item) => card(item, answers)).join('')}</div>`;
}

function card(item: Case, { picture, imageShape, classNames }: Answers): string {
  const truth = classNames[item.truth] as string;
  const [height, width] = imageShape;
  const image = `<img alt="${escaped(truth)}" src="${pngUri(picture(item.at), width, height)}">`;
  const order = Array.from(item.soft.keys()).sort(
    (left, right) => (item.soft[right] as number) - (item.soft[left] as number),
  );
  const most = item.soft[order[0] as number] as number;
  const bars = order
    .slice(0, barsEach)
    .map((label) =>
      bar(classNames[label] as string, item.soft[label] as number, most, label === item.truth),
    );
  const answer = (actor: 'alone' | 'distilled') => {
    const right = item[actor] === item.truth;
    return `<span class="${actor}"><i></i>${actor} <b class="${right ? 'right' : 'wrong'}">${escaped(classNames[item[actor]] as string)} ${right ? '✓' : '✗'}</b></span>`;
  };
  return `<div class="card">${image}<div><strong>${escaped(truth)}</strong><div class="soft">${bars.join('')}</div>${answer('alone')}${answer('distilled')}</div></div>`;
}

/** @param most The largest share of the picture: its bar is as long as there is room. */
function bar(name: string, share: number, most: number, isTruth: boolean): string {
  const length = ((100 * share) / most).toFixed(1);
  return `<div${isTruth ? ' class="truth"' : ''}><em>${escaped(name)}</em><span><u style="width:${length}%"></u></span><small>${percent(share, 0)}</small></div>`;
}
