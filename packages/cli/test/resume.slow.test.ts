import { resumeSuite } from './fixtures/resumeSuite.ts';

resumeSuite('cpu');
