"""Makes ../fixtures/parquet: pictures in parquet files as Python's datasets and pyarrow write them,
and what pyarrow reads from each (expected.json).

    python parquetFixtures.py

Versions: datasets 5.2.0, pyarrow 26.0.1, pillow 13.0.0.
"""

import base64
import io
import json
import pathlib

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

target = pathlib.Path(__file__).parent.parent / "fixtures" / "parquet"
features = datasets.Features(
    {"image": datasets.Image(), "label": datasets.ClassLabel(names=["daisy", "rose"])}
)


def red_image(red):
    return Image.new("RGB", (2, 2), (red, 0, 255 - red))


def write_datasets(reds, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {
        "image": [red_image(red) for red in reds],
        "label": [index % 2 for index in range(len(reds))],
    }
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)


for split, reds in {"train": [10, 20, 30, 40], "test": [50, 60]}.items():
    write_datasets(reds, target / f"{split}.parquet")

for shard, reds in {
    "train-00000-of-00002": [70, 80, 90],
    "train-00001-of-00002": [10, 20],
    "validation-00000-of-00001": [30],
    "test-00000-of-00001": [40, 50],
}.items():
    write_datasets(reds, target / "shards" / f"{shard}.parquet")


def png(red):
    buffer = io.BytesIO()
    red_image(red).save(buffer, "PNG")
    return buffer.getvalue()


pictures = [png(10 * number) for number in range(1, 10)]
rows = 14
bytes_ = [pictures[(5 * row + 2) % 9] for row in range(rows)]
images = pa.array(
    [{"bytes": content, "path": f"{row}.png"} for row, content in enumerate(bytes_)],
    pa.struct({"bytes": pa.binary(), "path": pa.string()}),
)
labels = [(row + row // 3) % 3 for row in range(rows)]
texts = ["tench", "grün", "zebra"]
noted = {
    "huggingface": json.dumps(
        {
            "info": {
                "features": {
                    "image": {"_type": "Image"},
                    "label": {"_type": "ClassLabel", "names": texts},
                }
            }
        }
    )
}
# Small pages and row groups: each column has several.
small = {"data_page_size": 200, "write_batch_size": 2, "row_group_size": 8}


def write(name, columns, metadata=None, **options):
    path = target / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns, metadata=metadata)
    is_noted = metadata is not None
    # Metadata are stored with Arrow's schema only.
    pq.write_table(
        table, path, store_schema=is_noted, write_statistics=is_noted, **{**small, **options}
    )


for compression in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
    for version in ["1.0", "2.0"]:
        write(
            f"pages/{compression}-{version[0]}",
            {"image": images, "label": pa.array(labels, pa.int64())},
            noted,
            compression=compression,
            data_page_version=version,
        )

for version in ["1.0", "2.0"]:
    plain = {"image": pa.array(bytes_, pa.binary()), "label": pa.array(labels, pa.int32())}
    wide = {
        "image": pa.array(bytes_, pa.large_binary()),
        "label": pa.array([texts[label] for label in labels], pa.large_string()),
    }
    for name, columns, encodings in [
        ("plain", plain, {"image": "PLAIN", "label": "PLAIN"}),
        ("delta", plain, {"image": "DELTA_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"}),
        ("deltaText", wide, {"image": "DELTA_LENGTH_BYTE_ARRAY", "label": "DELTA_BYTE_ARRAY"}),
        ("split", plain, {"image": "DELTA_LENGTH_BYTE_ARRAY", "label": "BYTE_STREAM_SPLIT"}),
        ("dictionary", wide, None),
        ("fallback", plain, None),
    ]:
        write(
            f"encodings/{name}-{version[0]}",
            columns,
            data_page_version=version,
            use_dictionary=encodings is None,
            column_encoding=encodings,
            dictionary_pagesize_limit=150 if name == "fallback" else 2**20,
        )
    ints = [None if row % 5 == 4 else label for row, label in enumerate(labels)]
    kinds = {
        "int8": pa.array(labels, pa.int8()),
        "int64": pa.array([5 * label for label in labels], pa.int64()),
        "uint8": pa.array([200 + label for label in labels], pa.uint8()),
        "uint64": pa.array(labels, pa.uint64()),
        "bool": pa.array([label > 0 for label in labels]),
        "string": pa.array([texts[label] for label in labels]),
        "dictionary": pa.array([texts[label] for label in labels]).dictionary_encode(),
        "nulls": pa.array(ints, pa.int64()),
        "textNulls": pa.array([None if value is None else texts[value] for value in ints]),
        "boolNulls": pa.array([None if value is None else value > 0 for value in ints]),
        "minus": pa.array([-1 if value is None else value for value in ints], pa.int64()),
        "whole": pa.array(labels, pa.float64()),
        "half": pa.array([label / 2 for label in labels], pa.float32()),
        "lists": pa.array([[label] for label in labels], pa.list_(pa.int64())),
        "day": pa.array(labels, pa.date32()),
    }
    write(
        f"kinds-{version[0]}",
        {"image": pa.array(bytes_, pa.binary()), **kinds},
        data_page_version=version,
    )

write(
    "paths",
    {
        "image": pa.array(
            [{"bytes": None if row else pictures[0], "path": f"{row}.png"} for row in range(4)],
            images.type,
        ),
        "label": pa.array([0, 1, 0, 1]),
    },
)
write("addresses", {"image": pa.array(["https://kd.test/1.png"] * 2), "label": pa.array([0, 1])})
others = {
    "image": images,
    "id": pa.array(range(rows)),
    "width": pa.array([2] * rows),
    "score": pa.array([label / 3 for label in labels], pa.float64()),
    "place": pa.array([f"https://kd.test/{label}.png" for label in labels]),
    "lists": pa.array([[label] for label in labels]),
}
write("only", {**others, "digit": pa.array(labels)})
write("several", {**others, "digit": pa.array(labels), "hand": pa.array(texts[:2] * 7)})
write("noLabel", others)
write(
    "nested",
    {"image": pa.array([[content] for content in bytes_[:2]]), "label": pa.array([0, 1])},
)
write("badLabels", {"image": images, "label": pa.array([9 * label for label in labels])}, noted)
write("twoImages", {"left": images, "right": images, "label": pa.array(labels)})

# 32 MB when unpacked: large pages, and large dictionaries as pyarrow tries them for images too.
blank = bytes(2**22)
write(
    "blank",
    {"image": pa.array([blank] * 8), "label": pa.array([0, 1] * 4)},
    compression="zstd",
    row_group_size=1,
)

known = {picture: number for number, picture in enumerate(pictures)}


def read_column(name, values):
    if name == "image":
        contents = [value["bytes"] if isinstance(value, dict) else value for value in values]
        return [known.get(content) for content in contents]
    return values


def read(path):
    columns = pq.read_table(path).to_pydict()
    left_out = ["day", "left", "right"] if "nested" not in path.name else ["image"]
    return {
        name: read_column(name, values) for name, values in columns.items() if name not in left_out
    }


expected = {
    "pictures": [base64.b64encode(picture).decode() for picture in pictures],
    "files": {
        path.relative_to(target).with_suffix("").as_posix(): read(path)
        for path in sorted(target.rglob("*.parquet"))
    },
}
(target / "expected.json").write_text(json.dumps(expected, ensure_ascii=False), encoding="utf-8")
