"""Training steps in PyTorch as a careful user writes them: all data in memory as tensors, no DataLoader, nothing copied.

`cargo xtask bench peers` and `bench gpu` start this and take turns with it. After a line that says who answers, each line
read, `NETWORK LAYOUT BATCH UPDATES DEVICE FORMAT`, is answered by the network's trained parameters and the seconds that so many
updates took: of the clock, and of the processor. LAYOUT is `default` or `channels_last`, DEVICE `cpu` or `cuda`, FORMAT
`f32`, `tf32` or `bf16` (autocast). A GPU is waited for at the end of a turn only.
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
    def __init__(self, network, layout, batch, device):
        make, shape = NETWORKS[network]
        memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.device = torch.device(device)
        self.model = make().to(self.device, memory_format=memory_format)
        self.images = torch.randn(EXAMPLES, *shape).to(self.device, memory_format=memory_format)
        self.labels = torch.randint(CLASSES, (EXAMPLES,), device=self.device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        self.batch, self.order = batch, iter(())
        self.loss = 0.0 if device == "cpu" else torch.zeros((), device=self.device)

    def update(self, lowered):
        rows = next(self.order, ())
        if len(rows) < self.batch:
            self.order = iter(torch.randperm(EXAMPLES, device=self.device).split(self.batch))
            rows = next(self.order)
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=lowered):
            loss = F.cross_entropy(self.model(self.images[rows]), self.labels[rows])
        loss.backward()
        self.optimizer.step()
        # A GPU goes on while the next update is prepared.
        self.loss += loss.item() if self.device.type == "cpu" else loss.detach()

    def parameters(self):
        return sum(parameter.numel() for parameter in self.model.parameters())


def main():
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}", flush=True)
    trainings, current = {}, None
    for line in sys.stdin:
        network, layout, batch, updates, device, number_format = line.split()
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = number_format == "tf32"
        if network != current:
            trainings, current = {}, network
        if layout not in trainings:
            trainings[layout] = Training(network, layout, int(batch), device)
        training = trainings[layout]
        begun, spent = time.perf_counter(), time.process_time()
        for _ in range(int(updates)):
            training.update(number_format == "bf16")
        if device == "cuda":
            torch.cuda.synchronize()
        wall, processor = time.perf_counter() - begun, time.process_time() - spent
        print(training.parameters(), wall, processor, flush=True)


main()
