import type {
  EngineReport,
  EngineStatus,
  Libtensorflow,
  LoadedTensorflow,
} from './inspectEngines.ts';

/** Formats the report as lines of text. */
export function doctorLines({
  platform,
  node,
  libtensorflow,
  installed,
  compile,
  engines,
}: EngineReport): string[] {
  const best = engines.find(({ trains }) => trains);
  return [
    line('platform', platform),
    line('node', node),
    ...('directory' in libtensorflow
      ? libraryLines(libtensorflow, installed)
      : [line('libtensorflow', libtensorflow.reason)]),
    line('compile', compile ? 'on' : 'off (KD_COMPILE=off)'),
    ...engines.map((engine) => line(engine.name, describeEngine(engine))),
    '',
    best === undefined
      ? 'No engine trains here.'
      : `startEngine() uses ${best.name}.${best.name === 'tensorflow' ? '' : installAdvice(best.name)}`,
  ];
}

function libraryLines(
  { directory, from, loaded }: Libtensorflow,
  installed: readonly string[],
): string[] {
  const others = installed.filter((other) => other !== directory);
  return [
    line(
      'libtensorflow',
      `${loaded === undefined ? '' : `${loaded.version}, ${loaded.build} build, `}${directory} (from ${from})`,
    ),
    ...(others.length === 0
      ? []
      : [
          line(
            '',
            `also installed: ${others.join(', ')}; KD_TENSORFLOW_VERSION or KD_LIBTENSORFLOW selects one`,
          ),
        ]),
    ...(loaded === undefined ? [] : loadedLines(loaded)),
  ];
}

function loadedLines({ device, why, preparation }: LoadedTensorflow): string[] {
  const { oneDnn, keepsMemory, threads } = preparation;
  return [
    line('device', `${device}: ${why}`),
    line('oneDNN', oneDnn ? 'on' : 'off (TF_ENABLE_ONEDNN_OPTS)'),
    line(
      'allocator',
      keepsMemory
        ? 'keeps freed memory for the next step (mallopt)'
        : "the system's own settings (KD_MALLOC, or no glibc)",
    ),
    line('threads', String(threads)),
  ];
}

function line(name: string, text: string): string {
  return `${name.padEnd(14)} ${text}`;
}

function describeEngine(engine: EngineStatus): string {
  if (!engine.trains) return `absent: ${engine.reason}`;
  const { version, device, threads, notes } = engine;
  return `trains: ${[version, device, `${threads} ${threads === 1 ? 'thread' : 'threads'}`, ...notes].join(', ')}`;
}

function installAdvice(best: string): string {
  return ` \`npx kd-engine install\` installs tensorflow, which is many times as fast as ${best}.`;
}
