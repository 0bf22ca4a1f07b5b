"""The networks that the benchmark trains in PyTorch: the same layers as ours in @kd/models."""

import torch.nn as nn
import torch.nn.functional as F


def convolution3(channels_in, channels_out, stride=1):
    return nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)


def shortcut(channels_in, channels_out, stride):
    """A projection where the shape changes, else nothing."""
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


class TutorialStudent(nn.Module):
    """`tutorialCnn`: 264,618 parameters at 10 classes."""

    def __init__(self, classes=10):
        super().__init__()
        layers = []
        for channels_in, channels_out in ((3, 64), (64, 128)):
            layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU(True)]
            layers += [nn.Conv2d(channels_out, channels_out, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(128, 32), nn.Linear(32, classes))

    def forward(self, images):
        return self.head(self.body(images).mean((2, 3)))


class BasicBlock(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1, self.bn1 = convolution3(channels_in, channels, stride), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = convolution3(channels, channels), nn.BatchNorm2d(channels)
        self.shortcut = shortcut(channels_in, channels, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class Bottleneck(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = convolution3(channels, channels, stride), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = nn.Conv2d(channels, 4 * channels, 1, bias=False), nn.BatchNorm2d(4 * channels)
        self.shortcut = shortcut(channels_in, 4 * channels, stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + self.shortcut(x))


def resnet20(classes=10):
    """`cifarResnet` of depth 20 with projections."""
    layers, channels_in = [convolution3(3, 16), nn.BatchNorm2d(16), nn.ReLU(True)], 16
    for channels, first_stride in ((16, 1), (32, 2), (64, 2)):
        for block in range(3):
            layers.append(BasicBlock(channels_in, channels, first_stride if block == 0 else 1))
            channels_in = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def resnet50(stem, classes):
    """`resnet` of depth 50; stem `imagenet` (7×7 at stride 2, max pool) or `cifar` (3×3)."""
    if stem == "imagenet":
        layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    else:
        layers = [convolution3(3, 64), nn.BatchNorm2d(64), nn.ReLU(True)]
    channels_in = 64
    for channels, blocks, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            layers.append(Bottleneck(channels_in, channels, first_stride if block == 0 else 1))
            channels_in = 4 * channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, classes))
