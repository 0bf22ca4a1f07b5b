"""PyTorch's side of the benchmark: each function prepares one step and returns it, a function that runs it once and returns a number."""

import torch
import torch.nn.functional as F

from images import image_loading
from networks import TutorialStudent, resnet20, resnet50

CLASSES = 10


def prepare(options):
    """options: step, batch, size, channelsLast, compile, fused (see src/targets.ts and src/variants.ts)."""
    torch.manual_seed(0)
    return STEPS[options["step"]](options)


def distilling(make_network):
    """Soft targets (T 4, weight 0.9) and cross entropy (0.1), Adam."""

    def prepare_step(options):
        network, forward, images = place(make_network(), options)
        labels, teacher = torch.randint(0, CLASSES, (options["batch"],)), torch.randn(options["batch"], CLASSES)

        def loss_of(logits):
            soft = F.kl_div(F.log_softmax(logits / 4, 1), F.log_softmax(teacher / 4, 1), reduction="batchmean", log_target=True)
            return 0.1 * F.cross_entropy(logits, labels) + 0.9 * 16 * soft

        return training(forward, images, loss_of, torch.optim.Adam(network.parameters()))

    return prepare_step


def resnet50_training(options):
    network, forward, images = place(resnet50("cifar", CLASSES), options)
    labels = torch.randint(0, CLASSES, (options["batch"],))
    optimizer = torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=5e-4)
    return training(forward, images, lambda logits: F.cross_entropy(logits, labels), optimizer)


def resnet50_inference(options):
    network, forward, images = place(resnet50("imagenet", 1000), options)
    network.eval()

    def run():
        with torch.inference_mode():
            return forward(images)[0, 0].item()

    return run


def tutorial_head(options):
    """As published: every batch goes through the whole ResNet-50 in training mode, of which the new head alone has gradients."""
    network, forward, images = place(frozen_teacher(), options)
    labels = torch.randint(0, CLASSES, (options["batch"],))
    return training(forward, images, lambda logits: F.cross_entropy(logits, labels), torch.optim.Adam(network[-1].parameters()))


def tutorial_student(options):
    """As published: 224×224, temperature 1, the divergence's mean over batch and classes."""
    network, forward, images = place(TutorialStudent(), options)
    labels, teacher = torch.randint(0, CLASSES, (options["batch"],)), torch.randn(options["batch"], CLASSES)

    def loss_of(logits):
        soft = F.kl_div(F.log_softmax(logits, 1), F.softmax(teacher, 1), reduction="mean")
        return 0.5 * soft + 0.5 * F.cross_entropy(logits, labels)

    return training(forward, images, loss_of, torch.optim.Adam(network.parameters()))


def evaluating(make_network):
    """As published: without `no_grad`."""

    def prepare_step(options):
        network, forward, images = place(make_network(), options)
        network.eval()
        return lambda: forward(images)[0, 0].item()

    return prepare_step


def frozen_teacher():
    network = resnet50("imagenet", CLASSES)
    for parameter in network[:-1].parameters():
        parameter.requires_grad = False
    return network


def training(forward, images, loss_of, optimizer):
    def run():
        optimizer.zero_grad()
        loss = loss_of(forward(images))
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def product(options):
    left, right = (torch.randn(options["size"], options["size"]) for _ in range(2))
    return lambda: (left @ right)[0, 0].item()


def update(make_optimizer):
    """Ten weights of a million numbers each, with constant gradients."""

    def prepare_step(options):
        weights = [torch.nn.Parameter(torch.randn(options["size"], options["size"])) for _ in range(10)]
        for weight in weights:
            weight.grad = 1e-3 * torch.randn_like(weight)
        optimizer = make_optimizer(weights, True if options["fused"] else None)

        def run():
            optimizer.step()
            return weights[0][0, 0].item()

        return run

    return prepare_step


def place(network, options):
    """Returns the network, the function that calls it, and random images, in the requested memory layout."""
    images = torch.randn(options["batch"], 3, options["size"], options["size"])
    if options["channelsLast"]:
        network, images = network.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    return network, torch.compile(network) if options["compile"] else network, images


STEPS = {
    "student-kd": distilling(TutorialStudent),
    "tiny": distilling(TutorialStudent),
    "resnet20-kd": distilling(resnet20),
    "resnet50-infer": resnet50_inference,
    "resnet50-train": resnet50_training,
    "tutorial-head": tutorial_head,
    "tutorial-teacher": evaluating(frozen_teacher),
    "tutorial-student": tutorial_student,
    "tutorial-student-evaluating": evaluating(TutorialStudent),
    "images: decode": image_loading(is_float=False),
    "images: cached": image_loading(is_float=True),
    "gemm": product,
    "adam": update(lambda weights, fused: torch.optim.Adam(weights, fused=fused)),
    "sgd": update(lambda weights, fused: torch.optim.SGD(weights, 0.1, 0.9, weight_decay=5e-4, fused=fused)),
}
