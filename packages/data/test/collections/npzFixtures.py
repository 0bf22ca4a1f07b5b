"""Makes ../fixtures/npz: arrays as numpy writes them. Pixel i of 3 images of 4 x 2 x 3 is 3 i.

    python npzFixtures.py

Version: numpy 2.4.6.
"""

import pathlib

import numpy as np

target = pathlib.Path(__file__).parent.parent / "fixtures" / "npz"
target.mkdir(parents=True, exist_ok=True)
images = (3 * np.arange(72)).astype(np.uint8).reshape(3, 4, 2, 3)
labels = np.array([[2], [0], [1]])
np.savez(target / "stored.npz", train_images=images, train_labels=labels)
np.savez_compressed(target / "deflated.npz", train_images=images, train_labels=labels)
np.savez(target / "columns.npz", x=np.asfortranarray(images), y=labels[:, 0].astype(np.float16))
np.savez(target / "planes.npz", x=images.transpose(0, 3, 1, 2), y=np.eye(3)[labels[:, 0]])
np.savez(target / "objects.npz", x=images, y=np.array(["a", "b", None], object))
np.savez(target / "bigEndian.npz", x=images, y=labels[:, 0].astype(">i4"))
