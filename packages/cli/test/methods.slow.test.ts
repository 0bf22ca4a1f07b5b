import { startEngine } from '@kd/engine';
import { beforeAll, describe } from 'vitest';
import { methodSuite } from './fixtures/methodSuite.ts';

describe('on cpu', () => {
  beforeAll(() => startEngine({ engine: 'cpu', log: () => {} }));
  methodSuite();
});
