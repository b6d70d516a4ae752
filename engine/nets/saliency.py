"""Proxies from the gradient of the loss: how much the untrained network would miss its weights, or could learn with them.

A network's weights are its matrices and kernels; biases and the factors of norms are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def weights(model: nn.Module) -> list[nn.Parameter]:
    """Each once, however many layers share it."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def gradients(value: Tensor, of: Sequence[Tensor], *, again: bool = False) -> list[Tensor]:
    """Zeros for what the value does not depend on. `again`: they will be differentiated themselves."""
    found = torch.autograd.grad(value, of, create_graph=again, allow_unused=True)
    return [torch.zeros_like(each) if gradient is None else gradient for each, gradient in zip(of, found, strict=True)]


def grad_norm(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """The sum of the lengths of all weights' gradients."""
    found = gradients(loss(model, *batches[0]), weights(model))
    return float(sum(gradient.norm() for gradient in found))


def snip(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Sum of |w dL/dw|: how much the loss would change without each weight (Lee et al., ICLR 2019)."""
    return float(sum(product.abs().sum() for product in _products(model, batches, loss)))


def plain(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Sum of w dL/dw, with its sign."""
    return float(sum(product.sum() for product in _products(model, batches, loss)))


def _products(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> Iterator[Tensor]:
    own = weights(model)
    found = gradients(loss(model, *batches[0]), own)
    return (weight.detach() * gradient for weight, gradient in zip(own, found, strict=True))


def grasp(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Sum of -w (H g): how much the gradients would shrink without each weight (Wang et al., ICLR 2020)."""
    own = weights(model)
    first = gradients(loss(model, *batches[0]), own, again=True)
    length = torch.stack([(gradient * gradient.detach()).sum() for gradient in first]).sum()
    if not length.requires_grad:                # a loss that is linear in the weights has no curvature
        return 0.0
    second = gradients(length, own)
    return float(sum(-(weight.detach() * bent).sum() for weight, bent in zip(own, second, strict=True)))


def fisher(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Sum over channels of half the mean square of (output times its gradient) (Theis et al. 2018, arXiv:1801.05787).

    The places of an image and the steps of a sequence are added up before the square: their channel is one and the same.
    """
    given: list[list[Tensor]] = []
    for module in model.modules():
        if any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
            given.append([])
            module.register_forward_hook(_keeper(given[-1]))
    value = loss(model, *batches[0])
    pulls = iter(gradients(value, [output for outputs in given for output in outputs]))
    total = 0.0
    for outputs in filter(None, given):
        channels = torch.stack([_by_channel(output.detach() * next(pulls)) for output in outputs]).sum(0)
        total += float(channels.square().mean(0).sum() / 2)
    return total


def _keeper(into: list[Tensor]) -> Callable[..., None]:
    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        into.append(output)
    return keep


def _by_channel(values: Tensor) -> Tensor:
    """Examples by channels; channels are the second axis of images and the last one of everything else."""
    return values.flatten(2).sum(2) if values.ndim == 4 else values.sum(1) if values.ndim == 3 else values


def zico(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Sum over layers of log(sum of mean |g| / standard deviation of g over batches) (Li et al., ICLR 2023).

    Weights whose gradient is the same in all batches are left out, and so are layers without any other.
    """
    own = weights(model)
    found = [gradients(loss(model, *batch), own) for batch in batches]
    total, heard = 0.0, False
    for of in zip(*found, strict=True):
        each = torch.stack(of).double()
        mean, spread = each.abs().mean(0), each.std(0, correction=0)
        ratio = float((mean[spread > 0] / spread[spread > 0]).sum())
        if ratio > 0:
            total, heard = total + math.log(ratio), True
    return total if heard else float("nan")


def flows(model: nn.Module, inputs: Tensor) -> Iterator[Tensor]:
    """For each of the weights: the sum of |w dR/dw|, R the sum of all outputs when every parameter is positive."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    own = weights(model)
    found = gradients(model(inputs).sum(), own)
    return ((weight.detach() * gradient).abs().sum() for weight, gradient in zip(own, found, strict=True))
