import { resumeSuite } from './fixtures/resumeSuite.ts';

// docs/traps.md names two of its tests:
// - goes through every stage, keeps every epoch, tests each network once and writes the report
// - alone and distilled start from the same weights and see the same batches
resumeSuite('wasm');
