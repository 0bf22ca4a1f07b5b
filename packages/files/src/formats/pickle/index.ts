export { PickledObject, type UnpicklerHost } from './machine.ts';
export { unpickle } from './unpickler.ts';
