"""Networks in PyTorch, called as they are called where they were published."""
from torch import nn


class Seed(nn.Module):
    """The tutorial's student."""

    def __init__(self, channels=(64, 128, 32), classes=10):
        super().__init__()
        a, b, c = channels
        stage = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.layer1, self.layer2 = stage(3, a), stage(a, b)
        self.fc1, self.fc2 = nn.Linear(b, c), nn.Linear(c, classes)

    def pooled(self, x):
        return self.layer2(self.layer1(x)).mean((2, 3))

    def forward(self, x):
        return self.fc2(self.fc1(self.pooled(x)))


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
    def __init__(self, planes, blocks, expansion, imagenet, classes=10):
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
        self.fc = nn.Linear(i, classes)

    def pooled(self, x):
        x = self.pool(self.bn1(self.conv1(x)).relu())
        for at in range(1, self.stages + 1):
            x = getattr(self, f'layer{at}')(x)
        return x.mean((2, 3))

    def forward(self, x):
        return self.fc(self.pooled(x))
