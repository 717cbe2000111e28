"""Interactions from a PyTorch model: its features and logits, handed over without a copy.

    python examples/from_pytorch.py

A two-branch network is trained on half of the digits that come with the package; the other half is scored by its
own logits.
"""

import sys

import jax
import numpy as np

import lsmi_jax

try:
    import torch
except ImportError:
    sys.exit("This example needs PyTorch: pip install 'lsmi-jax[torch]'")


class TwoBranches(torch.nn.Module):
    """Logits of the first modality, the second, and both."""

    def __init__(self, dims: tuple[int, int], num_classes: int, width: int = 64):
        super().__init__()
        self.branches = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.LayerNorm(dim), torch.nn.Linear(dim, width), torch.nn.GELU()) for dim in dims
        )
        self.heads = torch.nn.ModuleList(torch.nn.Linear(size, num_classes) for size in (width, width, 2 * width))

    def forward(self, x1: torch.Tensor, x2: torch.Tensor) -> list[torch.Tensor]:
        h1, h2 = (branch(x) for branch, x in zip(self.branches, (x1, x2), strict=True))
        inputs = h1.detach(), h2.detach(), torch.cat([h1, h2], dim=1)  # heads of one branch only read what it knows
        return [head(hidden) for head, hidden in zip(self.heads, inputs, strict=True)]


def train(model: TwoBranches, features: list[torch.Tensor], labels: torch.Tensor, num_steps: int = 500) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(num_steps):
        batch = torch.randint(len(labels), (128,))
        losses = [torch.nn.functional.cross_entropy(one, labels[batch]) for one in model(*(x[batch] for x in features))]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()


def main() -> None:
    torch.manual_seed(0)
    digits = lsmi_jax.datasets.load_multiple_features()
    blocks = [(x - x.mean(0)) / (x.std(0) + 1e-6) for x in digits.features[:2]]
    order = np.random.default_rng(0).permutation(len(digits.labels))
    features = [torch.tensor(block, dtype=torch.float32) for block in blocks]
    labels = torch.tensor(digits.labels, dtype=torch.int64)
    learnt, rest = torch.from_numpy(np.sort(order[:1000])), torch.from_numpy(np.sort(order[1000:]))
    model = TwoBranches((features[0].shape[1], features[1].shape[1]), num_classes=10)
    train(model, [x[learnt] for x in features], labels[learnt])

    # From here on, what is needed for a model of your own, on rows that it did not learn from.
    with torch.no_grad():
        outputs = model(*(x[rest] for x in features))
    logits = [jax.dlpack.from_dlpack(one.contiguous()) for one in outputs]
    seen = [jax.dlpack.from_dlpack(x[rest].contiguous()) for x in features]
    result = lsmi_jax.estimate(jax.random.key(0), seen, labels[rest].numpy(), logits=logits)
    print(result)
    print(result.to_pandas(index=rest.tolist()).nlargest(5, "u2").round(2))


if __name__ == "__main__":
    main()
