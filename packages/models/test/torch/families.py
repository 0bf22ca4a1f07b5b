"""Writes ../fixtures/families.json: what RepDistiller's networks weigh, and what small ones of them compute in float64 with weights by a formula.

    python families.py <folder>      needs torch; <folder> is a clone of the GitHub repository HobbitLong/RepDistiller

Weights: as in ../formula.ts, k the place in state_dict(), n the flat index; the last batch norm of a residual block is small.
"""
import importlib.util
import json
import sys
from pathlib import Path

import torch
from formula import fill, images, multiply_adds


def module(name):
    spec = importlib.util.spec_from_file_location(name, Path(sys.argv[1]) / 'models' / f'{name}.py')
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


resnet, vgg, wrn = module('resnet'), module('vgg'), module('wrn')
sizes = {
    **{f'cifarResnet {depth}': getattr(resnet, f'resnet{depth}') for depth in ('8', '14', '20', '32', '44', '56', '110', '8x4', '32x4')},
    **{f'wideResnet {depth}-{width}': (lambda depth=depth, width=width, **options: wrn.wrn(depth=depth, widen_factor=width, **options))
       for depth, width in ((16, 1), (16, 2), (28, 10), (40, 1), (40, 2))},
    **{f'vgg {depth}': getattr(vgg, f'vgg{depth}_bn') for depth in (8, 11, 13, 16, 19)},
}


def narrow_vgg11(num_classes):
    network = vgg.VGG([[8], [16], [32, 32], [64, 64], [64, 64]], batch_norm=True, num_classes=num_classes)
    network.classifier = torch.nn.Linear(64, num_classes)  # VGG counts on 512
    return network


goldens = {
    'cifarResnet 8': (21, resnet.resnet8, 'bn2'),
    'wideResnet 16-1': (22, wrn.wrn_16_1, 'none'),
    'vgg 11, an eighth as wide': (23, narrow_vgg11, 'none'),
}


def golden(seed, make, last_norm):
    network = make(num_classes=10).double().eval()
    fill(network, seed, last_norm)
    with torch.no_grad():
        features, logits = network(images(32), is_feat=True)
    taps = {'pooled' if at == len(features) - 1 else f'stage{at if not hasattr(network, "block4") else at + 1}': feature for at, feature in enumerate(features)}
    taps.pop('stage0', None)
    return dict(
        seed=seed,
        lastNorm=last_norm,
        names=[name for name in network.state_dict() if not name.endswith('num_batches_tracked')],
        logits=logits.tolist(),
        taps={name: dict(mean=feature.mean().item(), norm=feature.norm().item()) for name, feature in taps.items()},
    )


fixture = dict(
    source=f'HobbitLong/RepDistiller with torch {torch.__version__}, by test/torch/families.py. sizes: 100 classes, 32 x 32. goldens: 10 classes, float64',
    sizes={name: dict(parameters=sum(weight.numel() for weight in make(num_classes=100).parameters()), multiplyAdds=multiply_adds(make(num_classes=100)))
           for name, make in sizes.items()},
    goldens={name: golden(*entry) for name, entry in goldens.items()},
)
with open(Path(__file__).parent.parent / 'fixtures/families.json', 'w') as file:
    json.dump(fixture, file, indent=1)
