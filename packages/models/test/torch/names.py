"""Writes ../fixtures/torchNames.json.gz: names and shapes of state_dict() of published networks, in order, num_batches_tracked left out.

    python names.py <folder>      needs torch, torchvision, timm, transformers; nothing is downloaded

<folder> holds clones of the GitHub repositories akamaster/pytorch_resnet_cifar10, kuangliu/pytorch-cifar, weiaicunzai/pytorch-cifar100,
HobbitLong/RepDistiller and chenyaofo/pytorch-cifar-models, called akamaster, kuangliu, weiaicunzai, repDistiller and chenyaofo.
"""
import gzip
import importlib.util
import json
import sys
from pathlib import Path

import timm
import torchvision
from transformers import ResNetConfig, ResNetForImageClassification


def module(path):
    spec = importlib.util.spec_from_file_location(Path(path).stem, Path(sys.argv[1]) / path)
    loaded = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def hugging_face(block, depths, sizes):
    return ResNetForImageClassification(ResNetConfig(layer_type=block, depths=depths, hidden_sizes=sizes, num_labels=1000))


akamaster = module('akamaster/resnet.py')
projected = akamaster.ResNet(akamaster.BasicBlock, [3, 3, 3])
for name, block in projected.named_modules():
    if isinstance(block, akamaster.BasicBlock) and isinstance(block.shortcut, akamaster.LambdaLayer):
        planes = block.conv1.out_channels
        block.shortcut = akamaster.BasicBlock(planes // 2, planes, stride=2, option='B').shortcut

networks = {
    'torchvision resnet18': torchvision.models.resnet18(),
    'torchvision resnet50': torchvision.models.resnet50(),
    'timm resnet18': timm.create_model('resnet18'),
    'timm resnet50': timm.create_model('resnet50'),
    'huggingFace resnet-18': hugging_face('basic', [2, 2, 2, 2], [64, 128, 256, 512]),
    'huggingFace resnet-50': hugging_face('bottleneck', [3, 4, 6, 3], [256, 512, 1024, 2048]),
    'kuangliu resnet18': module('kuangliu/models/resnet.py').ResNet18(),
    'kuangliu resnet50': module('kuangliu/models/resnet.py').ResNet50(),
    'weiaicunzai resnet18': module('weiaicunzai/models/resnet.py').resnet18(),
    'weiaicunzai resnet50': module('weiaicunzai/models/resnet.py').resnet50(),
    'akamaster resnet20': akamaster.resnet20(),
    'akamaster resnet20 option B': projected,
    'repDistiller resnet20': module('repDistiller/models/resnet.py').resnet20(num_classes=100),
    'repDistiller resnet8x4': module('repDistiller/models/resnet.py').resnet8x4(num_classes=100),
    'chenyaofo cifar100_resnet20': module('chenyaofo/pytorch_cifar_models/resnet.py').cifar100_resnet20(),
}
shapes = {
    title: {name: list(tensor.shape) for name, tensor in network.state_dict().items() if not name.endswith('num_batches_tracked')}
    for title, network in networks.items()
}
text = json.dumps(shapes, separators=(',', ':')).encode()
(Path(__file__).parent / '../fixtures/torchNames.json.gz').write_bytes(gzip.compress(text, 9, mtime=0))
