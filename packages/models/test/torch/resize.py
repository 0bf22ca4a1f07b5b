"""Writes ../fixtures/resize.json: matrices of resizing along one side, and small images resized and cut.

    python resize.py      needs torch, torchvision, Pillow
"""
import json
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torch.nn.functional import interpolate
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import center_crop, resize

modes = dict(bilinear=InterpolationMode.BILINEAR, bicubic=InterpolationMode.BICUBIC)


def digits(values):
    return [float(f'{value:.9g}') for value in np.asarray(values, dtype=np.float64).ravel()]


def matrix(old, new, mode, antialias):
    rows = torch.eye(old, dtype=torch.float64).reshape(1, old, old, 1).repeat(1, 1, 1, 3)  # channel j is one in row j; PyTorch 2.15 errs at a width of 1
    weights = interpolate(rows, size=(new, 3), mode=mode, antialias=antialias, align_corners=False)[0, :, :, 1].T
    return {'from': old, 'to': new, 'interpolation': mode, 'antialias': antialias, 'weights': digits(weights)}


def formula(height, width):
    n = np.arange(3 * height * width, dtype=np.float64)
    return torch.tensor((0.5 + 0.5 * np.sin(0.37 * n + 1e-4 * n * n)).astype(np.float32).reshape(3, height, width))


def image(source, height, width, size, crop, mode, antialias):
    short = int(np.floor(size / crop + 1e-6))
    options = dict(interpolation=modes[mode], antialias=antialias)
    if source == 'Pillow':
        planes = [Image.fromarray(plane.numpy()) for plane in formula(height, width)]
        made = np.stack([np.asarray(center_crop(resize(plane, [short], **options), [size, size])) for plane in planes])
    else:
        made = center_crop(resize(formula(height, width)[None].double(), [short], **options), [size, size])[0].numpy()
    return dict(source=source, height=height, width=width, size=size, crop=crop, interpolation=mode, antialias=antialias, pixels=digits(made.transpose(1, 2, 0)))


squares = [(5, 5, 8, 1), (23, 23, 6, 1), (12, 20, 5, 1)]
crops = [(9, 14, 8, 0.875), (31, 17, 7, 0.875)]
fixture = dict(
    source=f'torch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__} (mode F), by test/torch/resize.py. matrices: interpolate'
    ' of rows of the float64 identity. images: the shorter side resized to floor(size / crop) and the middle taken, of 0.5 + 0.5 sin(0.37 n + 1e-4 n n),'
    ' n the flat index of [3, height, width]; pixels [size, size, 3]',
    matrices=[
        matrix(old, new, mode, antialias)
        for mode in modes
        for antialias in (True, False)
        for old, new in ((4, 9), (9, 4), (6, 6), (13, 5), (1, 3), (3, 1))
    ],
    images=[
        *(image('torchvision', *shape, mode, True) for mode in modes for shape in squares + crops),
        *(image('torchvision', *shape, mode, False) for mode in modes for shape in squares),
        *(image('Pillow', 15, 11, 6, 0.9, mode, True) for mode in modes),
    ],
)
with open(Path(__file__).parent.parent / 'fixtures/resize.json', 'w') as file:
    json.dump(fixture, file, separators=(',', ':'))
