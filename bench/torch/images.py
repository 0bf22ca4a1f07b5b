"""torchvision's DataLoader with two workers over the photographs of the directory PHOTOS: Pillow, Resize(256), CenterCrop(224)."""

import os

import torch


def image_loading(is_float):
    def prepare_step(options):
        from torchvision import transforms

        convert = transforms.ToTensor() if is_float else transforms.PILToTensor()
        size = options["size"]
        prepare = transforms.Compose([transforms.Resize(size * 8 // 7), transforms.CenterCrop(size), convert])
        loader = torch.utils.data.DataLoader(Photographs(options["batch"], prepare), batch_size=64, num_workers=2, persistent_workers=True)

        def run():
            for images, _ in loader:
                last = images
            return float(last[0, 0, 0, 0])

        return run

    return prepare_step


class Photographs(torch.utils.data.Dataset):
    def __init__(self, count, prepare):
        directory = os.environ["PHOTOS"]
        self.files = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
        self.count, self.prepare = count, prepare

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        from PIL import Image

        return self.prepare(Image.open(self.files[index % len(self.files)]).convert("RGB")), 0
