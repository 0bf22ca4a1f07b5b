/**
 * `npm run readme:update -- runs/quick …`: writes the results of runs into the root README, between
 * `<!-- run:quick -->` and `<!-- /run:quick -->`. No number there is typed by hand.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatDuration } from '@kd/core/internal';
import {
  footnotes,
  type RunRecord,
  resultColumns,
  roleTitles,
  type Summary,
  summarize,
  summarizeGain,
} from '@kd/report';
import { root } from './process.ts';

const readme = join(root, 'README.md');
let text = await readFile(readme, 'utf8');
for (const directory of process.argv.slice(2)) {
  const record = JSON.parse(await readFile(join(directory, 'run.json'), 'utf8')) as RunRecord;
  text = replaceBetween(
    text,
    `run:${record.config.experiment}`,
    describeFinding(record, directory),
  );
}
await writeFile(readme, text);

function describeFinding(record: RunRecord, directory: string): string {
  const summary = summarize(record);
  if (summary === undefined)
    throw new Error(
      `readme:update: expected a finished run in ${directory}, got one that is ${record.status}.`,
    );
  const { engine, machine, versions } = record.environment;
  const where = `${engine.name} ${engine.version} on ${machine.processor}, ${machine.cores} cores, Node ${versions.node}`;
  const sentences = [summarizeGain(record, summary).sentence, ...[footnotes(record) ?? []].flat()];
  return `${markdownTable(summary)}\n\n${sentences.join(' ')} ${formatDuration(record.seconds)} in all; ${where}.`;
}

function markdownTable({ networks }: Summary): string {
  const rows = [
    ['', 'network', ...resultColumns.map(({ title }) => title)],
    ['---', '---', ...resultColumns.map(() => '---:')],
    ...networks.map((network) => [
      roleTitles[network.role],
      network.architecture,
      ...resultColumns.map(({ format }) => format(network)),
    ]),
  ];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function replaceBetween(whole: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [whole.indexOf(start), whole.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(
      `readme:update: expected ${start} … ${end} in README.md, got neither; put them where the table belongs.`,
    );
  return `${whole.slice(0, from + start.length)}\n${content}\n${whole.slice(to)}`;
}
