export { type GoldenFile, readGolden } from './file.ts';
export { linesOf, type Report } from './report.ts';
export { runGolden } from './run.ts';
