"""Makes ../fixtures/parquet: pictures in parquet files as Python's datasets writes them.

    python parquetFixtures.py

Versions: datasets 5.2.0, pillow 13.0.0.
"""

import pathlib

import datasets
from PIL import Image

target = pathlib.Path(__file__).parent.parent / "fixtures" / "parquet"
features = datasets.Features(
    {"image": datasets.Image(), "label": datasets.ClassLabel(names=["daisy", "rose"])}
)
for split, reds in {"train": [10, 20, 30, 40], "test": [50, 60]}.items():
    rows = {
        "image": [Image.new("RGB", (2, 2), (red, 0, 255 - red)) for red in reds],
        "label": [index % 2 for index in range(len(reds))],
    }
    datasets.Dataset.from_dict(rows, features=features).to_parquet(target / f"{split}.parquet")
