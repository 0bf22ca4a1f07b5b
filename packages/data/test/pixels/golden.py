"""Makes ../fixtures/pixels: picture files and what Pillow, torchvision and timm make of them.

    python golden.py

Versions: pillow 13.0.0, torchvision 0.29.2, timm 1.0.31.
"""

import base64
import hashlib
import io
import json
import math
import pathlib
import random
import warnings

import numpy as np
import PIL
import timm
import torchvision
import torchvision.transforms as transforms
from PIL import Image, ImageOps
from timm.data import create_transform
from timm.data.transforms import ResizeKeepRatio
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent
target = here.parent / "fixtures" / "pixels"
target.mkdir(parents=True, exist_ok=True)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def noise(count):
    """The bytes of `noise` in resample.test.ts."""
    out = bytearray(count)
    state = 1
    for at in range(count):
        state = (state * 69069 + 1) % 2**32
        out[at] = state >> 24
    return np.frombuffer(bytes(out), np.uint8)


def picture(height, width, channels):
    """Smooth waves with noise: what formats for photographs are made for."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    waves = 128 + 90 * np.sin(x / 5 + c) * np.cos(y / 7 - c) + noise(y.size).reshape(y.shape) / 12
    return np.clip(waves, 0, 255).astype(np.uint8)


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def files():
    rgb = Image.fromarray(picture(29, 37, 3))
    gray = rgb.convert("L")
    alpha = Image.fromarray(noise(29 * 37).reshape(29, 37))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    gray_alpha = gray.copy()
    gray_alpha.putalpha(alpha)
    palette = rgb.quantize(16)
    wide = np.asarray(rgb).astype(np.uint16) * 256 + noise(29 * 37 * 3).reshape(29, 37, 3)
    other = rgb.rotate(90)
    some = rgb.getpixel((3, 3))
    yield "baseline.jpg", saved(rgb, "JPEG", quality=90)
    yield "progressive.jpg", saved(rgb, "JPEG", quality=75, progressive=True)
    yield "halved-width.jpg", saved(rgb, "JPEG", quality=80, subsampling=1)
    yield "stored-as-rgb.jpg", saved(rgb, "JPEG", quality=90, keep_rgb=True)
    yield "gray.jpg", saved(gray, "JPEG", quality=90)
    cmyk = saved(rgb.convert("CMYK"), "JPEG", quality=90)
    yield "cmyk.jpg", cmyk
    at = cmyk.index(b"\xff\xeeXAdobe".replace(b"X", b"\0\x0e"))
    yield "cmyk-without-adobe.jpg", cmyk[:at] + cmyk[at + 16 :]
    for orientation in range(1, 9):
        yield f"turned-{orientation}.jpg", saved(rgb, "JPEG", quality=50, exif=exif(orientation))
    yield "turned-by-xmp.jpg", saved(rgb, "JPEG", quality=50, xmp=b'<x tiff:Orientation="6"/>')
    yield "rgb.png", saved(rgb, "PNG")
    yield "gray.png", saved(gray, "PNG")
    yield "bits.png", saved(rgb.convert("1"), "PNG")
    yield "alpha.png", saved(rgba, "PNG")
    yield "gray-alpha.png", saved(gray_alpha, "PNG")
    yield "palette.png", saved(palette, "PNG")
    yield "palette-transparent.png", saved(palette, "PNG", transparency=bytes(range(0, 256, 16)))
    yield "color-transparent.png", saved(rgb, "PNG", transparency=some)
    yield "turned-6.png", saved(rgb, "PNG", exif=exif(6))
    first, last = saved(rgb, "PNG"), saved(rgb, "PNG", exif=exif(8))
    begin = last.index(b"eXIf") - 4
    chunk = last[begin : last.index(b"IDAT") - 4]
    yield "turned-at-the-end.png", first[:-12] + chunk + first[-12:]
    yield "wide.png", png16(wide)
    yield "wide-gray.png", saved(Image.fromarray(wide[:, :, 0]), "PNG")
    yield "animated.png", saved(rgb, "PNG", save_all=True, append_images=[other])
    yield "lossy.webp", saved(rgb, "WEBP", quality=80)
    yield "lossless-alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True)
    yield "turned-5.webp", saved(rgb, "WEBP", quality=50, exif=exif(5))
    yield "animated.webp", saved(rgb, "WEBP", save_all=True, append_images=[other], quality=50)
    yield "palette.gif", saved(palette, "GIF")
    yield "rgb.tiff", saved(rgb, "TIFF", compression="tiff_lzw")
    yield "pages.tiff", saved(rgb, "TIFF", save_all=True, append_images=[other], compression="jpeg")
    yield "cmyk.tiff", saved(rgb.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "turned-8.tiff", saved(rgb, "TIFF", compression="tiff_lzw", exif=exif(8))
    yield "full-chroma.avif", saved(rgb, "AVIF", quality=80, subsampling="4:4:4")
    yield "halved-chroma.avif", saved(rgb, "AVIF", quality=80)
    yield "turned-6.avif", saved(rgb, "AVIF", quality=80, subsampling="4:4:4", exif=exif(6))
    yield "float.tiff", saved(Image.fromarray(np.float32(np.asarray(gray))), "TIFF")
    yield "rgb.bmp", saved(rgb.crop((0, 0, 4, 4)), "BMP")


def png16(values):
    """A PNG of 16 bits and three channels, which Pillow reads but does not write."""
    import struct
    import zlib

    height, width, _ = values.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def decoded():
    for name, data in files():
        entry = {"name": name, "file": base64.b64encode(data).decode()}
        try:
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
            if image.mode == "I;16":  # Pillow would cut everything above 255 to white.
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            rgb, gray = image.convert("RGB"), image.convert("L")
            entry |= {"height": rgb.height, "width": rgb.width}
            if name.endswith(".avif"):
                entry["rgb"] = base64.b64encode(rgb.tobytes()).decode()
            else:
                entry |= {"rgbHash": sha256(rgb.tobytes()), "grayHash": sha256(gray.tobytes())}
        except OSError as error:
            entry["error"] = str(error)
        yield entry


def resized():
    draw = random.Random(0)
    for row in range(220):
        most = 40 if row % 4 else 240
        sides = [draw.randint(1, most) for _ in range(4)]
        if row % 7 == 0:
            sides[2] = sides[0]
        if row % 11 == 0:
            sides[3] = sides[1]
        if row < 6:
            sides[row % 4] = 1
        width, height, new_width, new_height = sides
        channels = 3 if row % 2 else 1
        pixels = noise(width * height * channels).reshape(height, width, channels)
        if row % 3 == 0:  # The cubic overshoots at hard edges.
            pixels = (pixels > 127).astype(np.uint8) * 255
        image = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
        hashes = {
            name: sha256(image.resize((new_width, new_height), way).tobytes())[:16]
            for name, way in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC))
        }
        yield [height, width, channels, new_height, new_width, row % 3 == 0, hashes]


def prepared():
    """Sizes and offsets out of the transforms themselves, and the hash of some pixels."""
    draw = random.Random(1)
    crops = []
    crop = functional.crop

    def record(image, top, left, height, width):
        crops.append([image.height, image.width, top, left])
        return crop(image, top, left, height, width)

    functional.crop = record
    for row in range(400):
        size = draw.choice([32, 64, 96, 99, 128, 160, 224, 225])
        fraction = draw.choice([0.875, 0.875, 0.95, 0.9, 1, 224 / 232])
        width, height = draw.randint(1, 700), draw.randint(1, 700)
        short, long = min(width, height), max(width, height)
        if long / short > 8:
            continue
        isPixels = row % 20 == 0
        pixels = noise(width * height * 3).reshape(height, width, 3) if isPixels else np.zeros(
            (height, width, 3), np.uint8
        )
        image = Image.fromarray(pixels)
        if row % 2:
            recipe = "timm"
            way = create_transform(
                input_size=size, interpolation="bicubic", crop_pct=fraction, normalize=False
            )
        else:
            recipe = "torchvision"
            way = transforms.Compose(
                [
                    transforms.Resize(math.floor(size / fraction + 1e-6), InterpolationMode.BILINEAR),
                    transforms.CenterCrop(size),
                    transforms.PILToTensor(),
                ]
            )
        if recipe == "timm" and math.floor(size / fraction) != math.floor(size / fraction + 1e-6):
            continue
        del crops[:]
        result = way(image).permute(1, 2, 0).contiguous().numpy()
        yield [recipe, size, fraction, height, width, crops[0]] + (
            [sha256(result.tobytes())[:16]] if isPixels else []
        )
    functional.crop = crop


def rounded():
    draw = random.Random(2)
    for _ in range(60):
        width, height = draw.randint(20, 700), draw.randint(20, 700)
        image = ResizeKeepRatio(256)(Image.new("L", (width, height)))
        yield [256, height, width, image.height, image.width]


def write(name, value):
    rows = value if isinstance(value, list) else [value]
    text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n"
    (target / name).write_text(text)


print(PIL.__version__, torchvision.__version__, timm.__version__)
write("decoded.json", list(decoded()))
write("resized.json", list(resized()))
write("prepared.json", list(prepared()))
write("rounded.json", list(rounded()))
