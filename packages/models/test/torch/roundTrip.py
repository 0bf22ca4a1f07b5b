"""PyTorch's side of saveTorchWeights.torch.test.ts.

    python roundTrip.py make <folder>    for every kind of network: <kind>.pth, <kind>.safetensors with drawn weights, and <kind>.json, its logits
    python roundTrip.py check <folder>   loads <kind>.ours.safetensors strictly, and writes <kind>.ours.json, its logits

Logits are those of one picture for which `picture` is the formula. Kinds of libraries that are not installed are left out.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

CLASSES = 10


class Seed(nn.Module):
    """The tutorial's student."""

    def __init__(self):
        super().__init__()
        stage = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.layer1, self.layer2 = stage(3, 64), stage(64, 128)
        self.fc1, self.fc2 = nn.Linear(128, 32), nn.Linear(32, CLASSES)

    def forward(self, x):
        return self.fc2(self.fc1(self.layer2(self.layer1(x)).mean((2, 3))))


class Residual(nn.Module):
    """`layer2.0.conv1`, `layer2.0.downsample.0`: what torchvision and RepDistiller call them."""

    def __init__(self, i, planes, stride, expansion):
        super().__init__()
        o = planes * expansion
        sizes = [(i, planes, 3, stride), (planes, o, 3, 1)] if expansion == 1 else [(i, planes, 1, 1), (planes, planes, 3, stride), (planes, o, 1, 1)]
        for at, (a, b, size, step) in enumerate(sizes, 1):
            self.add_module(f'conv{at}', nn.Conv2d(a, b, size, step, size // 2, bias=False))
            self.add_module(f'bn{at}', nn.BatchNorm2d(b))
        self.length = len(sizes)
        self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if stride > 1 or i != o else nn.Identity()

    def forward(self, x):
        y = x
        for at in range(1, self.length + 1):
            y = getattr(self, f'bn{at}')(getattr(self, f'conv{at}')(y))
            y = y.relu() if at < self.length else y
        return (y + self.downsample(x)).relu()


class ResNet(nn.Module):
    def __init__(self, planes, blocks, expansion, imagenet):
        super().__init__()
        self.conv1 = nn.Conv2d(3, planes[0], 7 if imagenet else 3, 2 if imagenet else 1, 3 if imagenet else 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.pool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        i, self.stages = planes[0], len(planes)
        for at, (width, count) in enumerate(zip(planes, blocks), 1):
            stage = []
            for block in range(count):
                stage.append(Residual(i, width, 2 if at > 1 and block == 0 else 1, expansion))
                i = width * expansion
            self.add_module(f'layer{at}', nn.Sequential(*stage))
        self.fc = nn.Linear(i, CLASSES)

    def forward(self, x):
        x = self.pool(self.bn1(self.conv1(x)).relu())
        for at in range(1, self.stages + 1):
            x = getattr(self, f'layer{at}')(x)
        return self.fc(x.mean((2, 3)))


class HuggingFace(nn.Module):
    def __new__(cls, block, sizes, depths):
        from transformers import ResNetConfig, ResNetForImageClassification

        return ResNetForImageClassification(
            ResNetConfig(layer_type=block, embedding_size=8, hidden_sizes=sizes, depths=depths, num_labels=CLASSES)
        )


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
    'huggingFace basic': lambda: HuggingFace('basic', [8, 16, 32, 64], [1, 1, 2, 1]),
    'huggingFace bottleneck': lambda: HuggingFace('bottleneck', [32, 64, 128, 256], [1, 2, 1, 1]),
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
