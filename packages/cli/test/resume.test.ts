import { resumeSuite } from './fixtures/resumeSuite.ts';

resumeSuite('wasm');
