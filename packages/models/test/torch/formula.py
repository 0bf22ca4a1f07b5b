"""Weights and pictures by a formula, as in ../formula.ts, and what networks cost: what the scripts beside share."""
import numpy as np
import torch


def multiply_adds(network, side=32):
    """Of convolutions and dense layers, for one square picture."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += layer.weight.numel() * output[0].numel() // layer.weight.shape[0]

    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    return total


def hashed(count, k, seed):
    n = np.arange(count, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    h = (n * np.uint64(2654435761) + np.uint64((k + 1) * 2246822519 + seed * 3266489917)) & mask
    h = ((h ^ (h >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & mask
    h = ((h ^ (h >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & mask
    return (h ^ (h >> np.uint64(16))).astype(np.float64) / 4294967296


def fill(network, seed, last_norm):
    for k, (name, tensor) in enumerate(network.state_dict().items()):
        if name.endswith('num_batches_tracked'):
            continue
        u = hashed(tensor.numel(), k, seed)
        if tensor.ndim > 1:
            values = (2 * u - 1) * np.sqrt(6 / tensor[0].numel())
        elif name.endswith('running_var'):
            values = 0.5 + u
        elif name.endswith('.weight') or name == 'weight':
            values = 0.25 + 0.25 * u if name.endswith(f'.{last_norm}.weight') else 0.75 + 0.5 * u
        else:
            values = 0.2 * (2 * u - 1)
        tensor.copy_(torch.tensor(values.astype(np.float32).reshape(tensor.shape)))


def images(side):
    """[2, 3, side, side], float64 of float32 numbers."""
    n = np.arange(2 * 3 * side * side, dtype=np.float64)
    values = np.sin(0.017 * n) + 0.4 * np.cos(0.000023 * n * n + 0.3)
    return torch.tensor(values.astype(np.float32).reshape(2, 3, side, side)).double()
