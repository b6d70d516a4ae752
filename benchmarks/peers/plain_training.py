"""The peer of `small_trainings.py`: a training as one writes it by hand, one process a trial, torch's own DataLoader."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(digits.target)
train, validation = TensorDataset(images[:1150], labels[:1150]), TensorDataset(images[1150:1438], labels[1150:1438])


def block(channels: int, filters: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]


layers = [*block(1, 16), *block(16, 32), *block(32, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)]
model = nn.Sequential(*layers)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
for _ in range(10):
    model.train()
    for batch, target in DataLoader(train, batch_size=64, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), target).backward()
        optimizer.step()
    schedule.step()
    model.eval()
    with torch.no_grad():
        batches = DataLoader(validation, batch_size=256)
        right = sum(int((model(batch).argmax(1) == target).sum()) for batch, target in batches)
print(right / len(validation))
