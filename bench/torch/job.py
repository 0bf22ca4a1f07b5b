"""The job of src/ours/job.ts in PyTorch, as a skilled user writes it for a processor: images as bytes in memory, views made once by tensor
operations, the teacher recorded once for all of them.

    python job.py '{"directory": "...", "channelsLast": true, "compile": false}'

The directory has train.bin, validation.bin and test.bin (bytes of [images, 32, 32, 3]) and .labels beside each (a byte an image).
Prints a line of JSON for every stage and, last, all of them. Needs torch 2 and nothing else.
"""

import json
import os
import platform
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

OPTIONS = json.loads(sys.argv[1])
BATCH, VIEWS, EPOCHS, TEMPERATURE = 128, 5, {"teacher": 8, "alone": 15, "distilled": 15}, 4
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1) * 255
STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(1, 3, 1, 1) * 255


def read(split):
    def load(ending):
        with open(os.path.join(OPTIONS["directory"], split + ending), "rb") as file:
            return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)

    return load(".bin").view(-1, 32, 32, 3).permute(0, 3, 1, 2).contiguous(), load(".labels").long()


def normalize(images):
    images = (images.float() - MEAN) / STD
    return images.contiguous(memory_format=torch.channels_last) if OPTIONS["channelsLast"] else images


def make_view(images, seed):
    """Every image cropped from 4 reflected pixels around it, and every second one flipped."""
    draw = torch.Generator().manual_seed(seed)
    count = len(images)
    padded = F.pad(images.float(), (4, 4, 4, 4), mode="reflect").to(torch.uint8)
    left, top = torch.randint(0, 9, (count,), generator=draw), torch.randint(0, 9, (count,), generator=draw)
    view = torch.empty_like(images)
    for y in range(9):
        for x in range(9):
            chosen = (top == y) & (left == x)
            view[chosen] = padded[chosen][:, :, y : y + 32, x : x + 32]
    flipped = torch.rand(count, generator=draw) < 0.5
    view[flipped] = view[flipped].flip(3)
    return view


def block(channels, to):
    return nn.Sequential(nn.Conv2d(channels, to, 3, padding=1, bias=False), nn.BatchNorm2d(to), nn.ReLU(inplace=True))


class Pair(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(block(channels, channels), block(channels, channels))

    def forward(self, x):
        return x + self.body(x)


class Scale(nn.Module):
    def forward(self, x):
        return 0.2 * x


def teacher_network(width=0.25):
    a, b, c, d = (int(width * channels) for channels in (64, 128, 256, 512))
    pool = nn.MaxPool2d(2)
    stages = [block(3, a), block(a, b), pool, Pair(b), block(b, c), pool, block(c, d), pool, Pair(d)]
    return nn.Sequential(*stages, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(d, 10, bias=False), Scale())


def student_network(widths=(16, 32, 64)):
    a, b, c = widths
    stages = [block(3, a), nn.MaxPool2d(2), block(a, b), nn.MaxPool2d(2), block(b, c)]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10))


def predict(network, images):
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(normalize(images[at : at + 500])).float() for at in range(0, len(images), 500)])


def accuracy(network, images, labels):
    return (predict(network, images).argmax(1) == labels).float().mean().item()


def soft_targets(logits, teacher):
    student = F.log_softmax(logits / TEMPERATURE, 1)
    return TEMPERATURE**2 * F.kl_div(student, F.softmax(teacher / TEMPERATURE, 1), reduction="batchmean")


def fit(network, epochs, peak, recorded=None):
    optimizer = torch.optim.SGD(network.parameters(), peak, 0.9, weight_decay=5e-4, nesterov=True)
    steps = len(labels) // BATCH
    total, done, best = epochs * steps, 0, 0.0
    for epoch in range(epochs):
        network.train()
        order, view = torch.randperm(len(labels)), views[epoch % VIEWS]
        for at in range(steps):
            chosen = order[at * BATCH : (at + 1) * BATCH]
            progress = done / total
            rate = peak * (progress / 0.25 if progress < 0.25 else (1 - progress) / 0.75)
            for group in optimizer.param_groups:
                group["lr"] = rate
            logits = network(normalize(view[chosen]))
            if recorded is None:
                loss = F.cross_entropy(logits, labels[chosen])
            else:
                target = recorded[epoch % VIEWS][chosen]
                loss = 0.1 * F.cross_entropy(logits, labels[chosen]) + 0.9 * soft_targets(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
        best = max(best, accuracy(network, *validation))
    return best


def prepare(network):
    if OPTIONS["channelsLast"]:
        network = network.to(memory_format=torch.channels_last)
    return torch.compile(network) if OPTIONS["compile"] else network


def measure(name, count, run):
    started, cpu = time.perf_counter(), time.process_time()
    result = run()
    seconds = time.perf_counter() - started
    stages[name] = {"seconds": seconds, "cpuSeconds": time.process_time() - cpu, "images": count}
    print(json.dumps({name: stages[name]}), flush=True)
    return result


torch.set_num_threads(os.cpu_count())
torch.manual_seed(0)
stages = {}
images, labels = read("train")
validation, test = read("validation"), read("test")
views = measure("views", VIEWS * len(images), lambda: [make_view(images, seed) for seed in range(VIEWS)])
teacher, alone, distilled = prepare(teacher_network()), prepare(student_network()), prepare(student_network())
measure("teacher", EPOCHS["teacher"] * len(images), lambda: fit(teacher, EPOCHS["teacher"], 0.4))
measure("alone", EPOCHS["alone"] * len(images), lambda: fit(alone, EPOCHS["alone"], 0.8))
recorded = measure("recording", VIEWS * len(images), lambda: [predict(teacher, view).clone() for view in views])
measure("distilled", EPOCHS["distilled"] * len(images), lambda: fit(distilled, EPOCHS["distilled"], 0.8, recorded))
networks = {"teacher": teacher, "alone": alone, "distilled": distilled}
tested = measure("test", 3 * len(test[0]), lambda: {name: accuracy(network, *test) for name, network in networks.items()})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
versions = {"PyTorch": torch.__version__, "Python": platform.python_version()}
print(json.dumps({"stages": stages, "test": tested, "peakBytes": peak, "versions": versions}))
