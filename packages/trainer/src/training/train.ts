import { sharedStore } from '../group/sharedStore.ts';
import { runSteps } from './epoch.ts';
import { finishEpoch, isDone } from './finishEpoch.ts';
import { closeRun, openRun } from './run.ts';
import { expectSensible } from './settings.ts';
import type { EpochReport, TrainOptions } from './types.ts';

/**
 * Trains a student in place, an epoch at each turn of `for await`.
 *
 * The student holds the last weights at each turn and after the end; with `averageDecay` it holds
 * their averages then. The best ones are in the
 * store's `best.safetensors`: `loadVariables` brings them back. `last.safetensors` holds everything
 * a resume needs: it goes on as if never stopped,
 * to the last bit on the `cpu` engine.
 * @throws RangeError at the door, and where a loss term or a weight is no longer finite; such
 * weights are never saved.
 * @throws Interrupted when the signal stops it.
 */
export async function* train(options: TrainOptions): AsyncGenerator<EpochReport, void, undefined> {
  expectSensible(options);
  const { store, group } = options;
  const run = await openRun({ ...options, store: store && sharedStore(store, group) });
  const show = () => run.average?.swap();
  let shown = false;
  try {
    while (!isDone(run)) {
      const report = await finishEpoch(run, await runSteps(run));
      show();
      shown = true;
      yield report;
      show();
      shown = false;
    }
  } finally {
    if (!shown) show();
    closeRun(run);
  }
}
