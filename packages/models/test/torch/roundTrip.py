"""PyTorch's side of torchRoundTrip.test.ts.

    python roundTrip.py make <folder>    for every kind of network: <kind>.pth, <kind>.safetensors with drawn weights, and <kind>.json, its logits
    python roundTrip.py check <folder>   loads <kind>.ours.safetensors strictly, and writes <kind>.ours.json, its logits

Logits are those of one picture whose formula is in `logits`. Kinds of libraries that are not installed are left out.
"""
import json
import sys
from pathlib import Path

import torch
from networks import ResNet, Seed
from safetensors.torch import load_file, save_file
from torch import nn

CLASSES = 10


def hugging_face(block, sizes, depths):
    from transformers import ResNetConfig, ResNetForImageClassification

    return ResNetForImageClassification(ResNetConfig(layer_type=block, embedding_size=8, hidden_sizes=sizes, depths=depths, num_labels=CLASSES))


def torchvision_resnet():
    import torchvision

    return torchvision.models.resnet18(num_classes=CLASSES)


def timm_resnet():
    import timm

    return timm.create_model('resnet50', num_classes=CLASSES)


makers = {
    'seed': Seed,
    'basic': lambda: ResNet([8, 16, 24, 40], [1, 2, 1, 1], 1, True),
    'bottleneck': lambda: ResNet([8, 16, 32, 64], [1, 2, 1, 1], 4, True),
    'cifar': lambda: ResNet([16, 32, 64], [1, 1, 1], 1, False),
    'sequential': lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES)),
    'huggingFace basic': lambda: hugging_face('basic', [8, 16, 32, 64], [1, 1, 2, 1]),
    'huggingFace bottleneck': lambda: hugging_face('bottleneck', [32, 64, 128, 256], [1, 2, 1, 1]),
    'torchvision resnet18': torchvision_resnet,
    'timm resnet50': timm_resnet,
}


def drawn(module):
    """Weights of which every one matters, running averages too."""
    torch.manual_seed(7)
    for name, tensor in module.state_dict().items():
        if tensor.dtype.is_floating_point and tensor.ndim == 1:
            tensor.uniform_(0.5, 1) if name.endswith(('weight', 'running_var')) else tensor.uniform_(-0.2, 0.2)
    return module.eval()


def logits(module):
    n = torch.arange(3 * 32 * 32, dtype=torch.float64)
    picture = (0.5 + 0.5 * torch.sin(0.37 * n + 1e-5 * n * n)).reshape(1, 3, 32, 32)
    with torch.no_grad():
        out = module.double()(picture)
    return getattr(out, 'logits', out)[0].tolist()


def main(task, folder):
    done = []
    for kind, make in makers.items():
        try:
            module = make()
        except ImportError:
            continue
        done.append(kind)
        if task == 'make':
            drawn(module)
            torch.save(module.state_dict(), folder / f'{kind}.pth')
            save_file(module.state_dict(), folder / f'{kind}.safetensors')
            (folder / f'{kind}.json').write_text(json.dumps(logits(module)))
        else:
            module.load_state_dict(load_file(folder / f'{kind}.ours.safetensors'), strict=True)
            (folder / f'{kind}.ours.json').write_text(json.dumps(logits(module.eval())))
    print(json.dumps(done))


main(sys.argv[1], Path(sys.argv[2]))
