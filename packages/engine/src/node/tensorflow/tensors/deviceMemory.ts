import { type ProtobufField, protobufFields } from '@kd/files';
import { assertOk } from '../capi/context.ts';
import type { Runtime } from '../capi/runtime.ts';
import { Slots } from '../capi/scratchArena.ts';
import { dataType, type Pointer } from '../capi/types.ts';
import { createTensor } from './createTensor.ts';

const memoryCaller = 'tf.memory';
const nodeName = 'probe';

/**
 * Field numbers of tensorflow.RunMetadata, StepStats, DeviceStepStats, NodeExecStats and
 * AllocatorMemoryUsed.
 */
const runMetadataFields = {
  stepStats: 1,
  devices: 1,
  nodes: 2,
  name: 1,
  allocators: 6,
  bytesInUse: 5,
} as const;

interface TracedRun {
  readonly session: Pointer;
  readonly runOptions: Pointer;
  readonly targets: Pointer;
}

/**
 * Reads how much memory TensorFlow's allocator of a device has in use. The C API has no call for
 * it, but the metadata of a traced session run has it for the allocators of its nodes, which belong
 * to the process: a node that allocates a little is run on the device.
 */
export class DeviceMemory {
  readonly #runtime: Runtime;
  readonly #device: string;
  #tracedRun: TracedRun | undefined;

  /** @param device `/device:GPU:0`. */
  constructor(runtime: Runtime, device: string) {
    this.#runtime = runtime;
    this.#device = device;
  }

  /**
   * Bytes of tensors and of the steps under way. Takes 0.2 ms, the first call somewhat more.
   * @returns Bytes as the allocator rounds them; 0 if it does not count, as the host's without
   * oneDNN.
   * @throws Error with TensorFlow's message.
   */
  bytesInUse(): number {
    this.#tracedRun ??= this.#prepare();
    return parseBytesInUse(this.#run(this.#tracedRun));
  }

  #run({ session, runOptions, targets }: TracedRun): Uint8Array {
    const { api, context, memory } = this.#runtime;
    const metadata = api.TF_NewBuffer();
    try {
      api.TF_SessionRun(
        session,
        runOptions,
        0,
        0,
        0,
        0,
        0,
        0,
        targets,
        1,
        metadata,
        context.status,
      );
      assertOk(api, context.status, memoryCaller);
      return memory.copyBuffer(metadata);
    } finally {
      api.TF_DeleteBuffer(metadata);
    }
  }

  /** Creates the session, which lives as long as the process. */
  #prepare(): TracedRun {
    const { api, context, memory } = this.#runtime;
    const graph = api.TF_NewGraph();
    const block = new Slots(memory.libc, 5);
    // A TF_Buffer with tensorflow.RunOptions { trace_level (1): SOFTWARE_TRACE }.
    block.putPointer(0, block.slot(3));
    block.putPointer(1, 2);
    block.putPointer(2, 0);
    block.putPointer(3, 0x01_08);
    block.putPointer(4, this.#addNodes(graph));
    const options = api.TF_NewSessionOptions();
    const session = api.TF_NewSession(graph, options, context.status);
    api.TF_DeleteSessionOptions(options);
    assertOk(api, context.status, memoryCaller);
    return { session, runOptions: block.slot(0), targets: block.slot(4) };
  }

  /**
   * Adds the node to run. It draws random numbers: a constant would be folded. @returns The node.
   */
  #addNodes(graph: Pointer): Pointer {
    const { api, context, memory } = this.#runtime;
    const { status } = context;
    const name = (text: string): Pointer => memory.string(text).at;
    // Below 4096 bytes the host's pool for oneDNN is not used.
    const length = createTensor(api, memory, [1], dataType.int32, Int32Array.of(2048));
    const constant = api.TF_NewOperation(graph, name('Const'), 'length');
    api.TF_SetAttrType(constant, name('dtype'), dataType.int32);
    api.TF_SetAttrTensor(constant, name('value'), length, status);
    api.TF_DeleteTensor(length);
    const shape = api.TF_FinishOperation(constant, status);
    assertOk(api, status, memoryCaller);
    const random = api.TF_NewOperation(graph, name('RandomUniform'), nodeName);
    api.TF_SetDevice(random, name(this.#device));
    api.TF_AddInput(random, { operation: shape, index: 0 });
    api.TF_SetAttrType(random, name('dtype'), dataType.float32);
    const operation = api.TF_FinishOperation(random, status);
    assertOk(api, status, memoryCaller);
    return operation;
  }
}

function parseBytesInUse(metadata: Uint8Array): number {
  const nodes = submessages(metadata, runMetadataFields.stepStats).flatMap((stats) =>
    submessages(stats, runMetadataFields.devices).flatMap((device) =>
      submessages(device, runMetadataFields.nodes),
    ),
  );
  const probes = nodes.filter(
    (node) =>
      Buffer.from(submessages(node, runMetadataFields.name)[0] ?? []).toString() === nodeName,
  );
  const [allocator] = probes.flatMap((node) => submessages(node, runMetadataFields.allocators));
  const known = [...protobufFields(allocator ?? new Uint8Array())].find(
    ({ number }) => number === runMetadataFields.bytesInUse,
  );
  return typeof known?.value === 'number' ? known.value : 0;
}

function submessages(message: Uint8Array, field: ProtobufField['number']): Uint8Array[] {
  return [...protobufFields(message)].flatMap(({ number, value }) =>
    number === field && value instanceof Uint8Array ? [value] : [],
  );
}
