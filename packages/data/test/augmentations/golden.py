"""Makes ../fixtures/augmentations: what torchvision v2 makes of PIL images.

    python golden.py

Versions: torchvision 0.29.2, pillow 13.0.0, torch 2.15.0, scipy 1.17.1.
"""

import base64
import hashlib
import json
import pathlib

import numpy as np
import scipy.stats
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

target = pathlib.Path(__file__).parent.parent / "fixtures" / "augmentations"
target.mkdir(parents=True, exist_ok=True)


def noise(count):
    """The bytes of `noise` in golden.test.ts."""
    out = bytearray(count)
    state = 1
    for at in range(count):
        state = (state * 69069 + 1) % 2**32
        out[at] = state >> 24
    return np.frombuffer(bytes(out), np.uint8)


def waves(height, width, channels):
    """The pixels of `waves` in golden.test.ts: smooth, darker than white, with a little noise."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    fold = np.abs((x * 5 + y * 3 * (c + 1)) % 256 - 128)
    return (20 + fold + noise(fold.size).reshape(fold.shape) // 16).astype(np.uint8)


arrays = {
    "noise": noise(40 * 56 * 3).reshape(40, 56, 3),
    "waves": waves(48, 48, 3),
    "gray": waves(37, 52, 1),
    "flat": np.full((12, 10, 3), 77, np.uint8),
}


def image(array):
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


cases = []


def case(operation, arguments, function, only=None):
    for name, array in arrays.items():
        if only is None or name in only:
            pixels = np.asarray(function(image(array)))
            assert pixels.dtype == np.uint8
            digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
            cases.append({"operation": operation, "arguments": arguments, "image": name, "sha256": digest})


case("randomHorizontalFlip", [], functional.hflip)
case("randomVerticalFlip", [], functional.vflip)
for factor in [0, 0.1, 0.35, 1, 1.3, 1.9, 3.7]:
    case("adjustBrightness", [factor], lambda i: functional.adjust_brightness(i, factor))
    case("adjustContrast", [factor], lambda i: functional.adjust_contrast(i, factor))
    case("adjustSaturation", [factor], lambda i: functional.adjust_saturation(i, factor))
    case("adjustSharpness", [factor], lambda i: functional.adjust_sharpness(i, factor))
for turn in [-0.5, -0.31, -0.004, 0, 0.1, 0.27, 0.5]:
    case("adjustHue", [turn], lambda i: functional.adjust_hue(i, turn))
case("toGrayscale", [], lambda i: functional.rgb_to_grayscale(i, 3), only=["noise", "waves", "flat"])
case("autocontrast", [], functional.autocontrast)
case("equalize", [], functional.equalize)
for bits in [1, 2, 4, 7, 8]:
    case("posterize", [bits], lambda i: functional.posterize(i, bits))
for threshold in [0, 77, 100.5, 255]:
    case("solarize", [threshold], lambda i: functional.solarize(i, threshold))

modes = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR}
for name, mode in modes.items():
    for angle in [0, 13.7, 45, 90, 180, -30, -179.5, 271.25]:
        case("rotate", [angle, name], lambda i: functional.rotate(i, angle, mode))
    for parameters in [
        dict(angle=0, translate=[0, 0], scale=1, shear=[0, 0]),
        dict(angle=11.5, translate=[3, -2], scale=0.8, shear=[0, 0]),
        dict(angle=-40, translate=[0, 5], scale=1.35, shear=[12, 0]),
        dict(angle=5, translate=[-7, 1], scale=0.97, shear=[-8, 21]),
        dict(angle=0, translate=[4, 9], scale=2.2, shear=[0, 0]),
    ]:
        case("affine", [parameters, name], lambda i: functional.affine(i, interpolation=mode, **parameters))

modes = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
for name, mode in modes.items():
    for box in [[0, 0, 10, 12], [5, 3, 20, 9], [2, 7, 30, 31], [11, 0, 1, 40], [0, 1, 36, 47], [3, 3, 33, 2]]:

        def crop(i):
            return functional.resized_crop(i, *box, size=[i.height, i.width], interpolation=mode, antialias=True)

        case("resizeBox", [box, name], crop, only=["noise", "waves", "gray"])

modes = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR}
for operation, transform, numbers in [
    ("randAugment", v2.RandAugment(), [0, 9, 22, 30]),
    ("trivialAugment", v2.TrivialAugmentWide(), [1, 15, 16, 30]),
]:
    for name, (magnitudes, signed) in transform._AUGMENTATION_SPACE.items():
        for number in numbers:
            for sign in [1, -1] if signed else [1]:

                def apply(i, interpolation=InterpolationMode.NEAREST):
                    table = magnitudes(31, i.height, i.width)
                    magnitude = sign * float(table[number]) if table is not None else 0.0
                    return transform._apply_image_or_video_transform(
                        i, name, magnitude, interpolation=interpolation, fill=transform._fill
                    )

                case(operation, [name, number, sign, "nearest"], apply, only=["noise", "gray"])
                if signed and name.startswith(("Shear", "Translate", "Rotate")):
                    bilinear = lambda i: apply(i, InterpolationMode.BILINEAR)
                    case(operation, [name, number, sign, "bilinear"], bilinear, only=["noise"])

for bins in [2, 9, 10, 31]:
    for number in range(bins):
        posterized = v2.RandAugment._AUGMENTATION_SPACE["Posterize"][0](bins, 32, 32)
        translated = v2.RandAugment._AUGMENTATION_SPACE["TranslateX"][0](bins, 32, 56)
        cases.append(
            {
                "operation": "magnitudes",
                "arguments": [bins, number],
                "values": [int(posterized[number]), float(translated[number])],
            }
        )


class Fixed:
    """A distribution of one value."""

    def __init__(self, value):
        self.value = value

    def sample(self, _):
        return self.value


boxes = []
cutmix = v2.CutMix(num_classes=3)
for share in [0, 0.03, 0.25, 0.5, 0.77, 0.999, 1]:
    for height, width, row, column in [(40, 56, 0, 0), (40, 56, 39, 55), (40, 56, 17, 30), (7, 5, 3, 4)]:
        drawn = iter([column, row])
        original = torch.randint
        torch.randint = lambda *_, **__: torch.tensor([next(drawn)])
        cutmix._dist = Fixed(share)
        made = cutmix.make_params([torch.zeros(2, 3, height, width)])
        torch.randint = original
        left, top, right, bottom = made["box"]
        boxes.append([share, height, width, row, column, top, left, bottom, right, made["lam_adjusted"]])

pair = torch.from_numpy(np.stack([arrays["noise"], arrays["noise"][::-1].copy()])).permute(0, 3, 1, 2) / 255
mixed = {}
for share in [0.3, 0.85]:
    result = v2.MixUp(num_classes=3).transform(pair, {"lam": share, "labels": None, "batch_size": 2})
    rows = result[0].permute(1, 2, 0).contiguous().numpy()[:4]
    mixed[share] = base64.b64encode(rows.tobytes()).decode()

steps = [k / 20 for k in range(1, 20)]
quantiles = {alpha: scipy.stats.beta(alpha, alpha).ppf(steps).tolist() for alpha in [0.1, 0.2, 0.5, 1, 2, 8]}

fixture = {"cases": cases, "cutmixBoxes": boxes, "mixup": mixed, "betaQuantiles": quantiles}
(target / "torchvision.json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
print(len(cases), "cases")
