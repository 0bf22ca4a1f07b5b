import { expectedError, type Graph, type Network } from '@kd/core';

/** What the source of a module is written from. */
export interface ModuleOptions {
  /** Name of the file of weights, without its ending. */
  readonly name: string;
  readonly classNames: readonly string[] | undefined;
}

/** A class and the numbers it is created with. */
interface ModuleParts {
  readonly className: string;
  /** The classes, from the top of the file. */
  readonly source: string;
  /** Sides that the constructor takes. */
  readonly widths: readonly number[];
}

/**
 * Returns the source of a PyTorch module with the layers of a network: `load(path)` in it returns
 * the module with its weights, which takes images as our networks do, float32 0–1, but [batch,
 * channels, height, width].
 * @returns undefined for a network that is none of our own students.
 */
export function pytorchModule(
  network: Network,
  graph: Graph,
  { name, classNames }: ModuleOptions,
): string | undefined {
  const parts = partsOf(network);
  if (parts === undefined) return undefined;
  const { className, source, widths } = parts;
  const [height, width, channels] = graph.input.shape;
  const classes = graph.nodes.find((node) => node.name === graph.logits)?.shape[0] as number;
  const { mean, std } = normalizationOf(graph);
  const isPrepared = graph.nodes.every((node) => node.kind !== 'channelAffine');
  const images = `float32 [batch, ${channels}, ${height}, ${width}], ${isPrepared ? 'prepared' : '0-1'}`;
  const preparation = isPrepared ? `\nPreparation: ${network.preprocessing ?? 'none'}.\n` : '';
  return `"""${network.name} as a module of PyTorch, with the weights of ${name}.safetensors.

    from ${name} import load

    model = load("${name}.safetensors")
    logits = model(images)  # images: ${images}
${preparation}
Needs torch and safetensors. model.train() trains it further.
"""

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

CLASS_NAMES = ${pythonList((classNames ?? []).map((text) => JSON.stringify(text)))}
MEAN = ${pythonTuple(mean)}
STD = ${pythonTuple(std)}

${source}

def load(path: str) -> ${className}:
    """Returns the network with the weights of a file, in evaluation mode."""
    model = ${className}(widths=${pythonTuple(widths)}, classes=${classes})
    model.load_state_dict(load_file(path))
    return model.eval()


if __name__ == "__main__":
    print(load("${name}.safetensors")(torch.zeros(1, ${channels}, ${height}, ${width})))
`;
}

/** @returns undefined unless the network has exactly the weights of the module. */
function partsOf({ name = '', weights }: Network): ModuleParts | undefined {
  const outputs = (path: string) => weights[path]?.shape.at(-1) as number;
  const having = (paths: readonly string[], parts: ModuleParts) =>
    paths.length === Object.keys(weights).length && paths.every((path) => weights[path])
      ? parts
      : undefined;
  if (name.startsWith('studentCnn')) {
    const kernels = Object.keys(weights).filter((path) => /^stage\d+\.conv\.kernel$/.test(path));
    const stages = kernels.map((_, at) => `stage${at + 1}`);
    const widths = stages.map((stage) => outputs(`${stage}.conv.kernel`));
    const paths = [...stages.flatMap(blockWeights), 'fc.kernel', 'fc.bias'];
    return having(paths, { className: 'StudentCnn', source: studentCnn, widths });
  }
  if (name.startsWith('resnet9')) {
    const entries = ['stage1', 'stage2.entry', 'stage3.entry', 'stage4.entry'];
    const pairs = ['stage2', 'stage4'].flatMap((stage) => [
      `${stage}.pair.conv1`,
      `${stage}.pair.conv2`,
    ]);
    const widths = entries.map((path) => outputs(`${path}.conv.kernel`));
    const paths = [...[...entries, ...pairs].flatMap(blockWeights), 'fc.kernel'];
    return having(paths, { className: 'ResNet9', source: resnet9, widths });
  }
  if (name.startsWith('tutorialCnn')) {
    const widths = ['stage1.conv1.kernel', 'stage2.conv1.kernel', 'fc1.kernel'].map(outputs);
    const layers = ['stage1.conv1', 'stage1.conv2', 'stage2.conv1', 'stage2.conv2', 'fc1', 'fc2'];
    const paths = layers.flatMap((layer) => [`${layer}.kernel`, `${layer}.bias`]);
    return having(paths, { className: 'TutorialCnn', source: tutorialCnn, widths });
  }
  return undefined;
}

/** Weights of a convolution with batch norm. */
function blockWeights(path: string): readonly string[] {
  const norm = ['scale', 'offset', 'mean', 'variance'].map((part) => `${path}.bn.${part}`);
  return [`${path}.conv.kernel`, ...norm];
}

function pythonList(items: readonly string[]): string {
  return `[${items.join(', ')}]`;
}

function pythonTuple(items: readonly number[]): string {
  return `(${items.map(shortest).join(', ')}${items.length === 1 ? ',' : ''})`;
}

/** The shortest decimal for a number that float32 arithmetic has rounded twice. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits)).toString();
    if (Math.abs(Number(text) - value) <= 2 ** -23 * Math.abs(value)) return text;
  }
  return String(value);
}

/**
 * The normalization at a graph's start.
 * @returns Mean and standard deviation by channel.
 * @throws RangeError where the graph resizes or crops: modules of PyTorch take what is resized.
 */
function normalizationOf(graph: Graph): {
  readonly mean: readonly number[];
  readonly std: readonly number[];
} {
  if (graph.nodes.some(({ kind }) => kind === 'resize' || kind === 'crop'))
    throw expectedError(
      'exportPyTorch',
      'a network that takes images of their own size',
      `one that resizes or crops (${graph.name})`,
      "export it with the preparation outside: preparation: 'outside'",
    );
  const first = graph.nodes.find(({ inputs }) => inputs.includes(graph.input.name));
  const channels = Array.from({ length: graph.input.shape[2] }, (_, channel) => channel);
  if (first?.kind !== 'channelAffine')
    return { mean: channels.map(() => 0), std: channels.map(() => 1) };
  const { scale, offset } = first;
  const at = ({ values }: typeof scale, channel: number) =>
    values[values.length === 1 ? 0 : channel] as number;
  return {
    mean: channels.map((channel) => -at(offset, channel) / at(scale, channel)),
    std: channels.map((channel) => 1 / at(scale, channel)),
  };
}

const normalization = `class Normalized(nn.Module):
    """Images 0-1 become (images - mean) / std."""

    def __init__(self):
        super().__init__()
        for name, values in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def normalize(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std
`;

const convolutionBlock = `class Block(nn.Module):
    """A 3x3 convolution that keeps the size, batch norm and ReLU."""

    def __init__(self, channels: int, to: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, to, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(to)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))
`;

const studentCnn = `
${normalization}

${convolutionBlock}

class StudentCnn(Normalized):
    """Stages of a block each, with 2x2 max pools between them, global average pool, one dense layer."""

    def __init__(self, widths: tuple[int, ...], classes: int):
        super().__init__()
        self.stages = len(widths)
        for at, width in enumerate(widths):
            self.add_module(f"stage{at + 1}", Block(widths[at - 1] if at else len(MEAN), width))
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.normalize(images)
        for at in range(self.stages):
            if at:
                x = nn.functional.max_pool2d(x, 2)
            x = self.get_submodule(f"stage{at + 1}")(x)
        return self.fc(x.mean((2, 3)))
`;

const resnet9 = `
${normalization}

${convolutionBlock}

class Pair(nn.Module):
    """Two blocks beside their input."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = Block(channels, channels)
        self.conv2 = Block(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x))


class Stage(nn.Module):
    """A block, a 2x2 max pool and, in every second stage, a pair."""

    def __init__(self, channels: int, to: int, has_pair: bool):
        super().__init__()
        self.entry = Block(channels, to)
        self.pair = Pair(to) if has_pair else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.pair(nn.functional.max_pool2d(self.entry(x), 2))


class ResNet9(Normalized):
    """Page, "How to train your ResNet" (2018); the logits are multiplied by 0.2."""

    def __init__(self, widths: tuple[int, int, int, int], classes: int):
        super().__init__()
        a, b, c, d = widths
        self.stage1 = Block(len(MEAN), a)
        self.stage2 = Stage(a, b, has_pair=True)
        self.stage3 = Stage(b, c, has_pair=False)
        self.stage4 = Stage(c, d, has_pair=True)
        self.fc = nn.Linear(d, classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stage1(self.normalize(images))
        x = self.stage4(self.stage3(self.stage2(x)))
        return 0.2 * self.fc(x.amax((2, 3)))
`;

const tutorialCnn = `
${normalization}

class TutorialCnn(Normalized):
    """The student of the tutorial "Knowledge distillation for convolution neural networks"."""

    def __init__(self, widths: tuple[int, int, int], classes: int):
        super().__init__()
        a, b, c = widths

        def layer(channels: int, to: int) -> nn.Sequential:
            convolutions = nn.Conv2d(channels, to, 3, padding=1), nn.Conv2d(to, to, 3, padding=1)
            return nn.Sequential(convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU(), nn.MaxPool2d(2))

        self.layer1 = layer(len(MEAN), a)
        self.layer2 = layer(a, b)
        self.fc1 = nn.Linear(b, c)
        self.fc2 = nn.Linear(c, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.layer2(self.layer1(self.normalize(images)))
        return self.fc2(self.fc1(x.mean((2, 3))))
`;
