"""Writes the networks that the benchmark exports, with weights of a seed, by torch.onnx.export to the directory of its options, and prints the versions."""

import contextlib
import json
import os
import sys

import torch
import torch.nn as nn
from networks import resnet20


def student_cnn(classes=10):
    """`studentCnn`."""
    layers, channels_in = [], 3
    for channels in (16, 32, 64):
        layers += [nn.MaxPool2d(2)] if channels_in > 3 else []
        layers += [nn.Conv2d(channels_in, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(True)]
        channels_in = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def mobilenet_v2(classes=1000):
    """torchvision's, without its import."""
    import torchvision

    return torchvision.models.mobilenet_v2(num_classes=classes)


networks = {"studentCnn": (student_cnn, 32), "resnet20": (resnet20, 32), "mobileNetV2": (mobilenet_v2, 224)}


def randomize_statistics(module):
    """Statistics of batch norm that do not vanish when they are folded."""
    if isinstance(module, nn.BatchNorm2d):
        nn.init.uniform_(module.running_mean, -0.1, 0.1)
        nn.init.uniform_(module.running_var, 0.5, 1.5)


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    import onnx

    torch.manual_seed(0)
    with contextlib.redirect_stdout(sys.stderr):
        for name, (create, side) in networks.items():
            network = create().eval()
            network.apply(randomize_statistics)
            torch.onnx.export(
                network,
                (torch.rand(2, 3, side, side),),
                os.path.join(options["directory"], f"{name}.onnx"),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False,
            )
    print(json.dumps({"versions": {"PyTorch": torch.__version__, "ONNX": onnx.__version__}}))
