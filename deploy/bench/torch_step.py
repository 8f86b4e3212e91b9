"""Training steps in PyTorch as a careful user writes them: all data in memory as tensors, no DataLoader, nothing copied.

`cargo xtask bench peers` starts this and takes turns with it. After a line that says who answers, each line read,
`NETWORK LAYOUT BATCH UPDATES`, is answered by the network's trained parameters and the seconds that so many updates took:
of the clock, and of the processor. LAYOUT is `default` or `channels_last`.
"""
import sys, time
import torch
from torch import nn
from torch.nn import functional as F

EXAMPLES, CLASSES = 10_000, 10


def filters(inputs, outputs, kernel=3, stride=1, bias=False):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)


def perceptron(inputs, *widths):
    layers = [nn.Flatten()]
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU(inplace=True)]
        inputs = width
    return [*layers, nn.Linear(inputs, CLASSES)]


def conv_2():
    pair = [filters(3, 64, bias=True), nn.ReLU(inplace=True), filters(64, 64, bias=True), nn.ReLU(inplace=True)]
    return nn.Sequential(*pair, nn.MaxPool2d(2), *perceptron(64 * 16 * 16, 256, 256))


def vgg_11():
    layers, inputs = [], 3
    for outputs in [64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512]:
        if outputs == "pool":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [filters(inputs, outputs, bias=True), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AvgPool2d(2), *perceptron(512))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            filters(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
            filters(outputs, outputs), nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut = nn.Sequential(filters(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x), inplace=True)


def resnet_20():
    layers, inputs = [filters(3, 16), nn.BatchNorm2d(16), nn.ReLU(inplace=True)], 16
    for outputs, stride in [(16, 1)] * 3 + [(32, 2), (32, 1), (32, 1)] + [(64, 2), (64, 1), (64, 1)]:
        layers.append(Block(inputs, outputs, stride))
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), *perceptron(64))


NETWORKS = {
    "mnist_lenet_300_100": (lambda: nn.Sequential(*perceptron(784, 300, 100)), [1, 28, 28]),
    "conv_2": (conv_2, [3, 32, 32]),
    "cifar_resnet_20": (resnet_20, [3, 32, 32]),
    "cifar_vgg_11": (vgg_11, [3, 32, 32]),
}


class Training:
    def __init__(self, network, layout, batch):
        make, shape = NETWORKS[network]
        memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.model = make().to(memory_format=memory_format)
        self.images = torch.randn(EXAMPLES, *shape).to(memory_format=memory_format)
        self.labels = torch.randint(CLASSES, (EXAMPLES,))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        self.batch, self.loss, self.order = batch, 0.0, iter(())

    def update(self):
        rows = next(self.order, ())
        if len(rows) < self.batch:
            self.order = iter(torch.randperm(EXAMPLES).split(self.batch))
            rows = next(self.order)
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(self.images[rows]), self.labels[rows])
        loss.backward()
        self.optimizer.step()
        self.loss += loss.item()

    def parameters(self):
        return sum(parameter.numel() for parameter in self.model.parameters())


def main():
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}", flush=True)
    trainings, current = {}, None
    for line in sys.stdin:
        network, layout, batch, updates = line.split()
        if network != current:
            trainings, current = {}, network
        if layout not in trainings:
            trainings[layout] = Training(network, layout, int(batch))
        training = trainings[layout]
        begun, spent = time.perf_counter(), time.process_time()
        for _ in range(int(updates)):
            training.update()
        wall, processor = time.perf_counter() - begun, time.process_time() - spent
        print(training.parameters(), wall, processor, flush=True)


main()
