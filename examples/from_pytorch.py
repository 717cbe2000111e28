"""Interactions from a PyTorch model, whose features and logits are passed to JAX without a copy.

    python examples/from_pytorch.py

A two-branch network is trained on half of the packaged digits. The other half is scored with the network's own logits.
"""

import sys

import jax
import numpy as np

import lsmi_jax

try:
    import torch
except ImportError:
    sys.exit("This example needs PyTorch: pip install '.[torch]' in a checkout")


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
        inputs = h1.detach(), h2.detach(), torch.cat([h1, h2], dim=1)  # unimodal heads do not train their branch
        return [head(hidden) for head, hidden in zip(self.heads, inputs, strict=True)]


def train(model: TwoBranches, features: list[torch.Tensor], labels: torch.Tensor, num_steps: int = 500) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(num_steps):
        batch = torch.randint(len(labels), (128,))
        outputs = model(*(x[batch] for x in features))
        losses = [torch.nn.functional.cross_entropy(logits, labels[batch]) for logits in outputs]
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
    train_rows, test_rows = torch.from_numpy(np.sort(order[:1000])), torch.from_numpy(np.sort(order[1000:]))
    model = TwoBranches((features[0].shape[1], features[1].shape[1]), num_classes=10)
    train(model, [x[train_rows] for x in features], labels[train_rows])

    # What follows works for your own model, on rows that it was not trained on.
    with torch.no_grad():
        outputs = model(*(x[test_rows] for x in features))
    logits = [jax.dlpack.from_dlpack(output.contiguous()) for output in outputs]
    blocks = [jax.dlpack.from_dlpack(x[test_rows].contiguous()) for x in features]
    result = lsmi_jax.estimate(jax.random.key(0), blocks, labels[test_rows].numpy(), logits=logits)
    print(result)
    print(result.to_pandas(index=test_rows.tolist()).nlargest(5, "u2").round(2))


if __name__ == "__main__":
    main()
