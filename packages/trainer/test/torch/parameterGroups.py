"""Writes packages/trainer/test/fixtures/parameterGroups.json: what torch's optimizers do with parameter groups of several rates.

    python packages/trainer/test/torch/parameterGroups.py    (torch and nothing else; float64 on the CPU)

Three weights of two numbers in three groups, ten steps with given gradients; the rate of step k is base * factor of the group * 0.9 ** k.
"""
import json
import math
import pathlib

import torch

FACTORS = {"stem.kernel": 0.01, "stage4.kernel": 0.1, "fc.kernel": 1.0}
INITIAL = {"stem.kernel": [0.5, -0.3], "stage4.kernel": [1.2, 0.4], "fc.kernel": [-0.7, 0.9]}
STEPS = 10


def gradient(name, step):
    at = list(INITIAL).index(name)
    return [math.sin(1.7 * step + 0.9 * at + 0.4 * k) for k in range(2)]


def trace(make, base, options):
    weights = {name: torch.tensor(values, dtype=torch.float64, requires_grad=True) for name, values in INITIAL.items()}
    optimizer = make([{"params": [weight], "lr": base * FACTORS[name]} for name, weight in weights.items()], **options)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    after = []
    for step in range(STEPS):
        for name, weight in weights.items():
            weight.grad = torch.tensor(gradient(name, step), dtype=torch.float64)
        optimizer.step()
        schedule.step()
        after.append({name: weight.tolist() for name, weight in weights.items()})
    return after


CASES = {
    "sgd": (torch.optim.SGD, 0.1, {"momentum": 0.9, "weight_decay": 0.01}),
    "nesterov": (torch.optim.SGD, 0.1, {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}),
    "adam": (torch.optim.Adam, 0.01, {"weight_decay": 0.01}),
    "adamW": (torch.optim.AdamW, 0.01, {"weight_decay": 0.1}),
    "nadam": (torch.optim.NAdam, 0.01, {}),
}
path = pathlib.Path(__file__).parent.parent / "fixtures" / "parameterGroups.json"
path.write_text(
    json.dumps(
        {
            "source": f"torch {torch.__version__}, packages/trainer/test/torch/parameterGroups.py",
            "factors": FACTORS,
            "initial": INITIAL,
            "gradients": [{name: gradient(name, step) for name in INITIAL} for step in range(STEPS)],
            "traces": [{"id": name, "rate": base, "after": trace(make, base, options)} for name, (make, base, options) in CASES.items()],
        },
    )
    + "\n"
)
