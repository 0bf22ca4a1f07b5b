"""Writes ../fixtures/mobile.json.gz: of published networks for phones the names and shapes of state_dict() in order (num_batches_tracked left out), what they
weigh and cost; and what small ones of them compute in float64 with weights by a formula.

    python mobile.py <folder>      needs torch, torchvision, timm, efficientnet_lite_pytorch; nothing is downloaded

<folder> is a clone of the GitHub repository HobbitLong/RepDistiller.
"""
import gzip
import importlib.util
import json
import sys
from pathlib import Path

import timm
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet
from formula import fill, images, multiply_adds


def module(name):
    spec = importlib.util.spec_from_file_location(name, Path(sys.argv[1]) / 'models' / f'{name}.py')
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


mobile, shuffle1, shuffle2 = module('mobilenetv2'), module('ShuffleNetv1'), module('ShuffleNetv2')
vision = torchvision.models

published = {
    **{f'lukemelas efficientNetLite {at}': (EfficientNet.from_name(f'efficientnet-lite{at}'), side) for at, side in ((0, 224), (1, 240), (2, 260))},
    **{f'timm efficientNetLite {at}': (timm.create_model(f'tf_efficientnet_lite{at}'), side) for at, side in ((0, 224), (1, 240), (2, 260))},
    'torchvision mobileNetV2 imagenet 1': (vision.mobilenet_v2(), 224),
    'timm mobileNetV2 imagenet 1': (timm.create_model('mobilenetv2_100'), 224),
    'torchvision mobileNetV2 imagenet 1.4': (vision.mobilenet_v2(width_mult=1.4), 224),
    'repDistiller mobileNetV2 cifar 0.5': (mobile.mobile_half(100), 32),
    'repDistiller shuffleNetV1 cifar 3': (shuffle1.ShuffleV1(num_classes=100), 32),
    'repDistiller shuffleNetV1 cifar 2': (shuffle1.ShuffleNet(dict(out_planes=[200, 400, 800], num_blocks=[4, 8, 4], groups=2), num_classes=100), 32),
    **{f'torchvision shuffleNetV2 imagenet {width}': (getattr(vision, f'shufflenet_v2_x{name}')(), 224)
       for width, name in (('0.5', '0_5'), ('1', '1_0'), ('1.5', '1_5'), ('2', '2_0'))},
    'repDistiller shuffleNetV2 cifar 0.5': (shuffle2.ShuffleNetV2(net_size=0.5, num_classes=100), 32),
    'repDistiller shuffleNetV2 cifar 1': (shuffle2.ShuffleV2(num_classes=100), 32),
}

# Sides of 40 become odd on the way down: zeros then lie differently in TensorFlow and in PyTorch.
goldens = {
    'lukemelas efficientNetLite 0': (31, 40, EfficientNet.from_name('efficientnet-lite0', image_size=40, num_classes=10)),
    'torchvision mobileNetV2 imagenet 0.25': (32, 40, vision.mobilenet_v2(width_mult=0.25, num_classes=10)),
    'repDistiller mobileNetV2 cifar 0.25': (33, 32, mobile.mobilenetv2_T_w(6, 0.25, 10)),
    'repDistiller shuffleNetV1 cifar 3': (34, 32, shuffle1.ShuffleV1(num_classes=10)),
    'torchvision shuffleNetV2 imagenet 0.5': (35, 40, vision.shufflenet_v2_x0_5(num_classes=10)),
    'repDistiller shuffleNetV2 cifar 0.5': (36, 32, shuffle2.ShuffleNetV2(0.5, num_classes=10)),
}


def tapped(network):
    """Modules by the names of our taps."""
    if isinstance(network, EfficientNet):
        return {'stage2': network._blocks[2], 'stage3': network._blocks[4], 'stage5': network._blocks[10], 'stage7': network._blocks[15]}
    if isinstance(network, vision.MobileNetV2):
        return {'stage2': network.features[3], 'stage3': network.features[6], 'stage5': network.features[13], 'stage7': network.features[17]}
    if isinstance(network, vision.ShuffleNetV2):
        return {'stage1': network.stage2, 'stage2': network.stage3, 'stage3': network.stage4}
    if hasattr(network, 'blocks'):
        return {f'stage{at + 1}': network.blocks[at] for at in (1, 2, 4, 6)}
    return {f'stage{at}': getattr(network, f'layer{at}') for at in (1, 2, 3)}


def shapes(network):
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items() if not name.endswith('num_batches_tracked')}


def golden(seed, side, network):
    network = network.double().eval()
    fill(network, seed, 'none')
    taps = {}
    for name, tap in tapped(network).items():
        def keep(_, __, output, name=name):
            feature = output[0] if isinstance(output, tuple) else output
            taps[name] = dict(mean=feature.mean().item(), norm=feature.norm().item())
        tap.register_forward_hook(keep)
    with torch.no_grad():
        logits = network(images(side))
    return dict(seed=seed, side=side, places={name: at for at, name in enumerate(network.state_dict())}, shapes=shapes(network), logits=logits.tolist(), taps=taps)


fixture = dict(
    source=f'torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}, efficientnet_lite_pytorch 0.1.0, '
    'HobbitLong/RepDistiller; by test/torch/mobile.py',
    published={
        title: dict(side=side, shapes=shapes(network), parameters=sum(weight.numel() for weight in network.parameters()), multiplyAdds=multiply_adds(network, side))
        for title, (network, side) in published.items()
    },
    goldens={title: golden(*entry) for title, entry in goldens.items()},
)
text = json.dumps(fixture, separators=(',', ':')).encode()
(Path(__file__).parent / '../fixtures/mobile.json.gz').write_bytes(gzip.compress(text, 9, mtime=0))
