/**
 * The program that runs a file in Python. Requests on its input: uint32 images, then float32
 * [images × height × width × channels]. Answers on its output: a line of JSON once the file is
 * loaded, then for each request float64 milliseconds, uint32 numbers, and float32 as many. Both
 * little-endian.
 */
export const pythonProgram = `
import json, os, struct, sys, time

out = os.fdopen(os.dup(1), 'wb')
os.dup2(2, 1)  # What libraries print must not get between the answers.
kind, file, shape = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def answer(line):
    out.write((json.dumps(line) + '\\n').encode())
    out.flush()

def open_litert():
    import ai_edge_litert
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    def load():
        interpreter = Interpreter(model_path=file, num_threads=1)
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        fixed = int(source['shape'][0])
        def convert(images):
            if source['dtype'] == np.float32:
                return images
            scale, zero = source['quantization']
            limits = np.iinfo(source['dtype'])
            return np.clip(np.round(images / scale) + zero, limits.min, limits.max).astype(source['dtype'])
        def run(images):
            rows = []
            for start in range(0, len(images), fixed):
                interpreter.set_tensor(source['index'], convert(images[start:start + fixed]))
                interpreter.invoke()
                rows.append(interpreter.get_tensor(target['index']))
            values = np.concatenate(rows).astype(np.float32)
            if target['dtype'] != np.float32:
                scale, zero = target['quantization']
                values = (values - zero) * np.float32(scale)
            return values
        return run
    from importlib.metadata import version
    return load, version('ai-edge-litert')

def open_torch():
    import importlib.util
    import safetensors.torch
    import torch
    torch.set_num_threads(1)
    def load():
        base = os.path.splitext(file)[0]
        spec = importlib.util.spec_from_file_location('exported', base + '.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        network = module.load(file)
        def run(images):
            with torch.inference_mode():
                return network(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
        return run
    return load, torch.__version__

try:
    import numpy as np
    load, version = {'litert': open_litert, 'torch': open_torch}[kind]()
except ImportError as error:
    answer({'missing': str(error)})
    sys.exit()
if file == '':
    answer({'version': version})
    sys.exit()
try:
    started = time.perf_counter()
    run = load()
    answer({'milliseconds': 1000 * (time.perf_counter() - started)})
except Exception as error:
    answer({'refused': f'{type(error).__name__}: {error}'})
    sys.exit()
size = shape[0] * shape[1] * shape[2]
while len(head := sys.stdin.buffer.read(4)) == 4:
    count = struct.unpack('<I', head)[0]
    images = np.frombuffer(sys.stdin.buffer.read(4 * count * size), dtype='<f4')
    started = time.perf_counter()
    values = run(images.reshape(count, *shape))
    milliseconds = 1000 * (time.perf_counter() - started)
    values = np.ascontiguousarray(values, dtype='<f4')
    out.write(struct.pack('<dI', milliseconds, values.size) + values.tobytes())
    out.flush()
`;
