"""The network of examples/alexnet.py, profile `paper`, in PyTorch, for comparison only."""

import torch
from torch import nn


class TowerLRN(nn.Module):
    """LRN that does not cross towers: each half of the channels as an image of its own.

    PyTorch divides alpha by size, and the paper does not: 5e-4 here is 1e-4 there.
    """

    def __init__(self):
        super().__init__()
        self.lrn = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

    def forward(self, x):
        n, c, h, w = x.shape
        return self.lrn(x.view(2 * n, c // 2, h, w)).view(n, c, h, w)


class PaperDropout(nn.Dropout):
    """As in the paper: units are dropped in training and not scaled; in testing x (1 - p).

    What PyTorch's own does in training, less the factor of 1 / (1 - p).
    """

    def forward(self, x):
        if self.training:
            return x * torch.empty_like(x).bernoulli_(1 - self.p)
        return x * (1 - self.p)


def alexnet(num_classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ZeroPad2d((0, 3, 0, 3)),
        nn.Conv2d(3, 96, 11, stride=4),
        nn.ReLU(inplace=True),
        TowerLRN(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.ReLU(inplace=True),
        TowerLRN(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.ReLU(inplace=True),
        PaperDropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        PaperDropout(0.5),
        nn.Linear(4096, num_classes),
    )


class TorchTrainer:
    """The net with the paper's SGD: `compiled` runs it through torch.compile.

    On a GPU it computes in full float32, as tinynet does, with the fastest algorithms it can find.
    """

    def __init__(self, weights: dict, num_classes: int, compiled: bool, device: str = "cpu"):
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        self.device = torch.device(device)
        self.model = alexnet(num_classes).to(self.device)
        with torch.no_grad():
            for p, w in zip(self.model.parameters(), weights.values()):
                p.copy_(torch.from_numpy(w))
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        biases = [p for p in self.model.parameters() if p.ndim == 1]
        groups = [{"params": decayed}, {"params": biases, "weight_decay": 0.0}]
        self.optimizer = torch.optim.SGD(
            groups, lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True
        )
        self.forward = torch.compile(self.model) if compiled else self.model
        self.loss = nn.CrossEntropyLoss()

    def test_loss(self, x, labels) -> float:
        self.model.eval()
        with torch.no_grad():
            loss = self.loss(self.model(self._tensor(x)), self._tensor(labels))
        self.model.train()
        return loss.item()

    def step(self, x, labels) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.forward(self._tensor(x)), self._tensor(labels))
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def gpu_megabytes(self) -> int:
        """What its pool of memory holds; 0 on the CPU."""
        if self.device.type == "cpu":
            return 0
        return torch.cuda.memory_reserved(self.device) // 1000000

    def _tensor(self, array) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)
