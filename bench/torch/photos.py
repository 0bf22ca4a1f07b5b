"""Writes 256 photographs of 500x375 and 375x500 as JPEG: regions of those of scikit-image. `python photos.py '{"directory": "..."}'`."""

import json
import os
import random
import sys

import skimage
from PIL import Image

NAMES = ["coffee.png", "astronaut.png", "chelsea.png", "rocket.jpg", "hubble_deep_field.jpg", "ihc.png", "retina.jpg", "motorcycle_left.png"]


def main():
    directory = json.loads(sys.argv[1])["directory"]
    data = os.path.join(os.path.dirname(skimage.__file__), "data")
    photos = [Image.open(os.path.join(data, name)).convert("RGB") for name in NAMES]
    draw = random.Random(0)
    for number in range(256):
        photo = photos[number % len(photos)]
        width, height = (500, 375) if number % 4 else (375, 500)
        scale = min(photo.width / width, photo.height / height) * draw.uniform(0.55, 1)
        region = int(width * scale), int(height * scale)
        left, top = draw.randint(0, photo.width - region[0]), draw.randint(0, photo.height - region[1])
        part = photo.crop((left, top, left + region[0], top + region[1])).resize((width, height), Image.BICUBIC)
        part.save(os.path.join(directory, f"{number:03d}.jpg"), quality=draw.randint(85, 95))
    print(json.dumps({"photographs": 256}))


main()
