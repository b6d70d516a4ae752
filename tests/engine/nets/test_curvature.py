"""The largest eigenvalue against a dense decomposition."""

from __future__ import annotations

import pytest
import torch

from engine.nets.curvature import largest_eigenvalue


def with_spectrum(values: list[float]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator, dtype=torch.float64))[0]
    return basis @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ basis.T


@pytest.mark.parametrize("values", [[5.0, 2.0, 1.0, -1.0], [-5.0, 2.0, 1.0, 0.0], [3.0, -3.0, 1.0, 0.5],
                                    [-1.0, -4.0, -9.0, -5.0]])
def test_it_is_the_largest_with_its_sign(values: list[float]) -> None:
    hessian = with_spectrum(values)
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    found = largest_eigenvalue(0.5 * x @ hessian @ x, [x])
    assert found == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), abs=1e-6) and x.grad is None


def test_it_is_the_one_of_the_dense_hessian_over_several_tables() -> None:
    one = torch.tensor([[0.3, -0.2], [0.5, 0.9]], dtype=torch.float64, requires_grad=True)
    two = torch.tensor([0.1, 0.7, -0.4], dtype=torch.float64, requires_grad=True)

    def loss(flat: torch.Tensor) -> torch.Tensor:
        a, b = flat[:4].view(2, 2), flat[4:]
        return (torch.softmax(a, 1).pow(2).sum() * 3 + (torch.softmax(b, 0) * b).sum() * 2 + (a.sum() * b[0]).tanh())

    flat = torch.cat([one.flatten(), two])
    dense = torch.autograd.functional.hessian(loss, flat.detach())
    assert largest_eigenvalue(loss(flat), [one, two], rounds=5000) == pytest.approx(
        float(torch.linalg.eigvalsh(dense)[-1]), abs=1e-6)


def test_a_loss_without_curvature_has_none() -> None:
    x = torch.ones(3, requires_grad=True)
    assert largest_eigenvalue(x.sum(), [x]) == 0.0
