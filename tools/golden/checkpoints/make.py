"""Writes the checkpoints of this folder and expected.json: small networks of other widths, depths and classes than anybody publishes, in every format.

    python -B make.py      needs torch, numpy and safetensors
"""
import argparse
import hashlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

here = Path(__file__).parent
sys.path.insert(0, str(here / '../../../packages/models/test/torch'))
from networks import ResNet, Seed  # noqa: E402

SHAPE = [2, 3, 40, 40]
FORMULA = 'sin(0.019*n)+0.3*cos(0.000031*n*n+0.2)'
networks = {
    'small_basic': ('ResNet of basic blocks, 2-1-1-2 of 4-8-12-20, stem 7x7/2 + 3x3/2 max pool; 7 classes', lambda: ResNet([4, 8, 12, 20], [2, 1, 1, 2], 1, True, 7), 31),
    'small_bottleneck': ('ResNet of bottlenecks, 1-1-2-1 of 4-4-8-12 (x4), stride in the 3x3; 5 classes', lambda: ResNet([4, 4, 8, 12], [1, 1, 2, 1], 4, True, 5), 32),
    'small_cifar': ('ResNet-8 for CIFAR, 8-16-32, stem 3x3, projections; 4 classes', lambda: ResNet([8, 16, 32], [1, 1, 1], 1, False, 4), 33),
    'small_student': ("the tutorial's Net with 8, 12 and 6 channels; 3 classes", lambda: Seed((8, 12, 6), 3), 34),
}
files, models = {}, {}


def picture():
    n = torch.arange(torch.tensor(SHAPE).prod().item(), dtype=torch.float64)
    return (torch.sin(0.019 * n) + 0.3 * torch.cos(0.000031 * n * n + 0.2)).float().reshape(SHAPE)


def outputs(network, dtype):
    network = network.to(dtype)
    with torch.no_grad():
        logits, pooled = network(picture().to(dtype)), network.pooled(picture().to(dtype))
    return logits.double(), pooled.double()


def described(architecture, make, state, **more):
    results = {}
    for name, dtype in [('float64', torch.float64), ('float32', torch.float32)]:
        network = make().eval()
        network.load_state_dict(state)
        results[name] = outputs(network, dtype)
    errors = [(one - other).abs().max().item() for one, other in zip(results['float64'], results['float32'])]
    expected = {name: {'logits': logits.tolist(), 'pooledFirst10': pooled[:, :10].tolist()} for name, (logits, pooled) in results.items()}
    expected['float32VersusFloat64'] = {'maxAbsLogits': errors[0], 'maxAbsPooled': errors[1]}
    return {'architecture': architecture, **more, 'expected': expected}


def keep(name, save, **about):
    save(here / name)
    content = (here / name).read_bytes()
    files[name] = {'bytes': len(content), 'sha256': hashlib.sha256(content).hexdigest(), **about}


def kept_state(title, state, model, formats):
    old = {'_use_new_zipfile_serialization': False}
    checkpoint = {
        'epoch': 3,
        'arch': 'small',
        'state_dict': {f'module.{name}': tensor for name, tensor in state.items()},
        'best_acc1': torch.tensor(71.5),
        'optimizer': {'state': {0: {'momentum_buffer': torch.ones(3)}}, 'param_groups': [{'lr': 0.1, 'params': [0]}]},
    }
    saves = {
        'pth': lambda path: torch.save(state, path),
        'safetensors': lambda path: save_file(state, path),
        'legacy.pth': lambda path: torch.save(state, path, **old),
        'checkpoint.pth': lambda path: torch.save(checkpoint, path),
        'args.pth': lambda path: torch.save({'model': state, 'args': argparse.Namespace(arch='small', lr=0.1), 'epoch': 5}, path),
    }
    for extension in formats:
        keep(f'{title}.{extension}', saves[extension], model=model, format=extension)


for title, (architecture, make, seed) in networks.items():
    torch.manual_seed(seed)
    network = make()
    for name, tensor in network.state_dict().items():
        if tensor.dtype.is_floating_point and tensor.ndim == 1:
            tensor.uniform_(0.5, 1) if name.endswith(('weight', 'running_var')) else tensor.uniform_(-0.2, 0.2)
    state = network.state_dict()
    tensors = {
        name: {'shape': list(tensor.shape), 'dtype': str(tensor.dtype)[6:], 'first4': tensor.flatten()[:4].tolist(), 'sum': tensor.double().sum().item()}
        for name, tensor in state.items()
    }
    models[title] = described(architecture, make, state, tensors=tensors)
    isFirst = title == 'small_basic'
    kept_state(title, state, title, ['pth', 'safetensors', 'legacy.pth', 'checkpoint.pth', 'args.pth'] if isFirst else ['pth', 'safetensors'])
    if isFirst:
        for name, dtype in [('fp16', torch.float16), ('bf16', torch.bfloat16)]:
            half = {key: tensor.to(dtype) if tensor.dtype.is_floating_point else tensor for key, tensor in state.items()}
            models[f'{title}@{name}'] = described(f'weights rounded to {name}', make, half)
            kept_state(f'{title}.{name}', half, f'{title}@{name}', ['pth', 'safetensors'])

base = torch.arange(30, dtype=torch.float32) * 0.5 - 4
odd = {
    'transposed': base.reshape(5, 6).t(),
    'strided': base[1::4],
    'offset_view': base[7:13].reshape(3, 2),
    'shared_a': base,
    'shared_b': base.reshape(6, 5),
    'expanded': torch.tensor([2.5, -1.0])[:, None].expand(2, 4),
    'f64': torch.tensor([2.718281828459045, 1e-300, -1e300], dtype=torch.float64),
    'f16': torch.tensor([-1.25, 65504.0, 6e-8], dtype=torch.float16),
    'bf16': torch.tensor([0.1, -3e38], dtype=torch.bfloat16),
    'i64': torch.tensor([-3, 2**41]),
    'i32': torch.tensor([2**30, -9], dtype=torch.int32),
    'i16': torch.tensor([-32768, 5], dtype=torch.int16),
    'i8': torch.tensor([127, -1], dtype=torch.int8),
    'u8': torch.tensor([255, 3], dtype=torch.uint8),
    'bool': torch.tensor([False, True]),
    'scalar': torch.tensor(-0.75),
    'empty': torch.zeros(3, 0),
    'parameter': torch.nn.Parameter(torch.tensor([[0.125], [8.0]])),
}
oddTensors = {
    name: {'dtype': str(tensor.dtype)[6:], 'shape': list(tensor.shape), 'values': tensor.detach().flatten().tolist()} for name, tensor in odd.items()
}
keep('odd_tensors.pth', lambda path: torch.save(odd, path), format='views, strides, shared storage, every dtype')
keep('odd_tensors.legacy.pth', lambda path: torch.save(odd, path, _use_new_zipfile_serialization=False), format='legacy')
sizes = {'input': {'shapeNCHW': SHAPE, 'formula': f'{FORMULA} rounded to float32, NCHW'}, 'models': models, 'files': files, 'oddTensors': oddTensors}
(here / 'expected.json').write_text(json.dumps(sizes, separators=(',', ':')) + '\n')
