import type { EngineState, Inspection } from './inspect.ts';

/** The inspection as lines of text. */
export function doctorLines({ platform, node, libtensorflow, engines }: Inspection): string[] {
  const best = engines.find(({ trains }) => trains);
  return [
    line('platform', platform),
    line('node', node),
    line('libtensorflow', 'folder' in libtensorflow ? `${libtensorflow.folder} (from ${libtensorflow.from})` : libtensorflow.reason),
    ...engines.map((engine) => line(engine.name, stateOf(engine))),
    '',
    best === undefined ? 'No engine trains here.' : `startEngine() takes ${best.name}.${best.name === 'tensorflow' ? '' : adviceFor(best.name)}`,
  ];
}

function line(name: string, text: string): string {
  return `${name.padEnd(14)} ${text}`;
}

function stateOf(engine: EngineState): string {
  if (!engine.trains) return `absent: ${engine.reason}`;
  const { version, device, threads, notes } = engine;
  return `trains: ${[version, device, `${threads} ${threads === 1 ? 'thread' : 'threads'}`, ...notes].join(', ')}`;
}

function adviceFor(best: string): string {
  return ` \`npx kd-engine install\` brings tensorflow, which is many times as quick as ${best}.`;
}
