"""Small files of torch.save for readWeights: python checkpoints.py <folder>

Made with torch 2.15.0 and safetensors 0.8.0. Beside every file, expected.json has its tensors: name -> dtype, shape and values (as float64 gives them).
Modules whose class the reader cannot know, calls it must not run and tensors that it refuses are among them.
"""
import argparse
import json
import pathlib
import sys
import types
import warnings
from collections import OrderedDict, defaultdict

import torch
from safetensors.torch import save_file
from torch import nn

warnings.simplefilter("ignore")
torch.manual_seed(7)
# Legacy files of whole modules hold the source of every class, with its path on the machine that wrote them.
torch.serialization.get_source_lines_and_file = lambda cls: (["class Some: ..."], 1, "some.py")
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
expected = {}


def told(tensors):
    return {
        name: {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "values": [float(v) for v in t.detach().to(torch.float64).flatten()]}
        for name, t in tensors.items()
    }


def save(name, value, tensors=None, **how):
    torch.save(value, folder / name, **how)
    if tensors is not None:
        expected[name] = told(tensors)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 2, bias=False)
        self.bn = nn.BatchNorm2d(2)
        self.register_buffer("unsaved", torch.ones(3), persistent=False)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(2, 3))

    def forward(self, images):
        return self.head(self.bn(self.conv(images)).mean((2, 3)))


# A class of somebody's own module, as checkpoints have them.
module = types.ModuleType("somebody.models")
sys.modules["somebody"] = types.ModuleType("somebody")
sys.modules["somebody.models"] = module
Small.__module__ = "somebody.models"
Small.__qualname__ = "Small"
module.Small = Small

small = Small()
with torch.no_grad():
    small.bn.running_mean.uniform_(-1, 1)
plain = {name: tensor.clone() for name, tensor in small.state_dict().items()}
ema = {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in plain.items()}

# Every dtype, and views of every kind.
base = torch.arange(24, dtype=torch.float32) / 4 - 2
odd = {
    "transposed": base.view(2, 3, 4).permute(2, 0, 1),
    "channelsLast": base.view(2, 3, 2, 2).contiguous(memory_format=torch.channels_last),
    "strided": base[1::5],
    "part": base[7:13].view(2, 3),
    "same": base,
    "expanded": torch.tensor([[0.5], [-1.25]]).expand(2, 3),
    "windows": base.unfold(0, 4, 2),
    "oneLong": base.view(1, 24)[:, ::2],
    "f64": torch.tensor([torch.pi, 1e-300, -1e30], dtype=torch.float64),
    "f16": torch.tensor([1.5, -0.33325, 65504, 6e-8, 3e-5, float("inf"), 0, -0.0]).half(),
    "bf16": torch.tensor([1.5, -0.33, 3e38, 1e-40]).bfloat16(),
    "i64": torch.tensor([1, -2, 2**40, -(2**63)]),
    "i32": torch.tensor([7, -(2**31)], dtype=torch.int32),
    "i16": torch.tensor([300, -300], dtype=torch.int16),
    "i8": torch.tensor([-128, 127], dtype=torch.int8),
    "u64": torch.tensor([2**40, 2**63 - 1]).to(torch.uint64),
    "u32": torch.tensor([2**32 - 1, 5]).to(torch.uint32),
    "u16": torch.tensor([65535, 1]).to(torch.uint16),
    "u8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "f8e4m3": torch.arange(-112, 125, 3, dtype=torch.int8).view(torch.float8_e4m3fn),
    "f8e5m2": torch.arange(-128, 123, 5, dtype=torch.int8).view(torch.float8_e5m2),
    "scalar": torch.tensor(2.25),
    "empty": torch.empty(0, 3),
    "parameter": nn.Parameter(torch.tensor([[0.25, 0.5]])),
    "__proto__": torch.tensor([3.0]),
    "constructor": torch.tensor([4.0]),
}
attributed = torch.tensor([5.0])
attributed.note = "kept by Python, not needed here"
odd["attributed"] = attributed
save("odd.pth", odd, odd)
legacyOdd = {name: t for name, t in odd.items() if name not in ("u64", "u32", "u16", "f8e4m3", "f8e5m2")}
save("odd.legacy.pth", legacyOdd, legacyOdd, _use_new_zipfile_serialization=False)
save("protocol4.pth", plain, plain, pickle_protocol=4)
save("protocol5.pth", plain, plain, pickle_protocol=5)
safe = {name: t.contiguous().clone() for name, t in odd.items() if name not in ("attributed", "__proto__")}
save_file(safe, folder / "odd.safetensors", metadata={"made": "for a test"})
expected["odd.safetensors"] = told(safe)

# Checkpoints.
optimizer = torch.optim.Adam(small.parameters())
small(torch.ones(2, 1, 3, 3)).sum().backward()
optimizer.step()
args = argparse.Namespace(lr=0.1, milestones=[5, 8], out=pathlib.PurePosixPath("runs/1"), groups=defaultdict(list), kind=torch.float16)
timm = {"epoch": 3, "arch": "small", "state_dict": plain, "state_dict_ema": ema, "optimizer": optimizer.state_dict(), "args": args, "metric": torch.tensor(71.5)}
save("checkpoint.pth", timm, plain)
save("checkpoint.legacy.pth", timm, plain, _use_new_zipfile_serialization=False)
expected["checkpoint.pth ema"] = told(ema)
save("parallel.pth", {"model": OrderedDict((f"module.{name}", t) for name, t in plain.items()), "best_acc": 0.9}, plain)
save("compiled.pth", {f"_orig_mod.module.{name}": t for name, t in plain.items()}, plain)
averaged = torch.optim.swa_utils.AveragedModel(Small())
averaged.module.load_state_dict(plain)
save("averaged.pth", averaged.state_dict(), plain)
save("twoNetworks.pth", {"student": plain, "teacher": ema, "epoch": 1})
whole = Small()
whole.load_state_dict(plain)
save("wholeModule.pth", {"ema": whole, "epoch": 1}, plain)
save("wholeModule.legacy.pth", whole, plain, _use_new_zipfile_serialization=False)
save("nothing.pth", {"epoch": 1, "args": args})

# Refused by name.
save("complex.pth", {"fc.weight": torch.zeros(2, dtype=torch.complex64)})
save("quantised.pth", {"fc.weight": torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.quint8)})
save("sparse.pth", {"fc.weight": torch.eye(2).to_sparse()})
save("negative.pth", {"fc.weight": torch._neg_view(torch.ones(2))})
torch.jit.script(nn.Linear(2, 3)).save(str(folder / "script.pt"))

(folder / "expected.json").write_text(json.dumps(expected, allow_nan=True).replace("-Infinity", '"-Infinity"').replace(" Infinity", ' "Infinity"').replace("NaN", '"NaN"'))
