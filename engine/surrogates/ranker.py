"""Predictors for cells of any number of blocks: what ranks the next level (Liu et al., ECCV 2018, section 4).

A cell is tokens [blocks, slots] of one vocabulary. `Recurrent` reads them one after another, `Pooled` averages the blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag

from engine.surrogates.ensemble import CHUNK, Weights, drawn


def _looked_up(tables: Tensor, tokens: Tensor) -> Tensor:
    """Rows of each member's own table: [members, tokens, width] and [members, ...] -> [members, ..., width]."""
    members, vocabulary, width = tables.shape
    offsets = (torch.arange(members) * vocabulary).reshape(-1, *[1] * (tokens.dim() - 1))
    return embedding(tokens + offsets, tables.reshape(-1, width))


class Pooled:
    """The mean over blocks of their embeddings, side by side, then two hidden layers: the order of blocks does not count."""

    def __init__(self, vocabulary: int, slots: int, width: int, units: int) -> None:
        self.vocabulary, self.slots, self.width, self.units = vocabulary, slots, width, units

    def weights(self, members: int, generator: np.random.Generator) -> Weights:
        table = torch.from_numpy(generator.normal(0, 1, (members, self.vocabulary, self.width))).float()
        return {"table": table, "first": drawn(generator, members, self.slots * self.width, self.units),
                "first_bias": torch.zeros(members, 1, self.units),
                "second": drawn(generator, members, self.units, self.units),
                "second_bias": torch.zeros(members, 1, self.units),
                "last": drawn(generator, members, self.units, 1), "last_bias": torch.zeros(members, 1, 1)}

    def train(self, weights: Weights, inputs: Tensor) -> Tensor:
        pooled = _looked_up(weights["table"], inputs).mean(2).flatten(2)
        return self._deep(weights, torch.bmm(pooled, weights["first"]))

    def score(self, weights: Weights, inputs: NDArray[Any]) -> Tensor:
        """The first layer is linear: it is applied once to each different block, then blocks are averaged."""
        count, blocks = inputs.shape[:2]
        codes = np.ravel_multi_index(tuple(np.moveaxis(inputs, -1, 0)), (self.vocabulary,) * self.slots)
        _, first, places = np.unique(codes, return_index=True, return_inverse=True)
        different = torch.from_numpy(inputs.reshape(-1, self.slots)[first])
        members = len(weights["table"])
        embedded = _looked_up(weights["table"], different.expand(members, -1, -1)).flatten(2)
        known = torch.bmm(embedded, weights["first"]).transpose(0, 1).flatten(1)
        parts = torch.split(torch.from_numpy(places.reshape(count, blocks)), CHUNK)
        return torch.cat([self._deep(weights, embedding_bag(part, known, mode="mean").reshape(len(part), members, -1)
                                     .transpose(0, 1)) for part in parts], 1)

    @staticmethod
    def _deep(weights: Weights, first: Tensor) -> Tensor:
        hidden = torch.relu(first + weights["first_bias"])
        hidden = torch.relu(torch.baddbmm(weights["second_bias"], hidden, weights["second"]))
        return torch.baddbmm(weights["last_bias"], hidden, weights["last"])[..., 0]


class Recurrent:
    """An LSTM over the tokens, block after block; its last state gives the score."""

    def __init__(self, vocabulary: int, width: int, units: int) -> None:
        self.vocabulary, self.width, self.units = vocabulary, width, units

    def weights(self, members: int, generator: np.random.Generator) -> Weights:
        table = torch.from_numpy(generator.normal(0, 1, (members, self.vocabulary, self.width))).float()
        bias = torch.zeros(members, 1, 4 * self.units)
        bias[..., :self.units] = 1.0                  # forget little at first
        return {"table": table, "into": drawn(generator, members, self.width, 4 * self.units),
                "across": drawn(generator, members, self.units, 4 * self.units), "bias": bias,
                "last": drawn(generator, members, self.units, 1), "last_bias": torch.zeros(members, 1, 1)}

    def train(self, weights: Weights, inputs: Tensor) -> Tensor:
        tokens, arriving = inputs.flatten(2), self._arriving(weights)
        hidden = memory = torch.zeros(*tokens.shape[:2], self.units)
        for k in range(tokens.shape[2]):
            hidden, memory = self._step(weights, _looked_up(arriving, tokens[..., k]), hidden, memory)
        return self._last(weights, hidden)

    def score(self, weights: Weights, inputs: NDArray[Any]) -> Tensor:
        """Some at a time: what is remembered of half a million cells would fill gigabytes."""
        tokens, arriving = inputs.reshape(len(inputs), -1), self._arriving(weights)
        parts = np.split(tokens, range(CHUNK, len(tokens), CHUNK))
        return torch.cat([self._read(weights, arriving, part) for part in parts], 1)

    def _read(self, weights: Weights, arriving: Tensor, tokens: NDArray[Any]) -> Tensor:
        """Cells that begin alike share the steps of their common beginning."""
        hidden = memory = torch.zeros(len(arriving), 1, self.units)
        beginning = np.zeros(len(tokens), np.int64)
        for k in range(tokens.shape[1]):
            different, beginning = np.unique(beginning * self.vocabulary + tokens[:, k], return_inverse=True)
            before, token = (torch.from_numpy(part) for part in np.divmod(different, self.vocabulary))
            hidden, memory = self._step(weights, arriving[:, token], hidden[:, before], memory[:, before])
        return self._last(weights, hidden)[:, torch.from_numpy(beginning)]

    @staticmethod
    def _arriving(weights: Weights) -> Tensor:
        """What each token of the vocabulary brings to the gates."""
        return torch.baddbmm(weights["bias"], weights["table"], weights["into"])

    def _step(self, weights: Weights, arriving: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        forget, take, give, new = torch.baddbmm(arriving, hidden, weights["across"]).chunk(4, -1)
        memory = torch.sigmoid(forget) * memory + torch.sigmoid(take) * torch.tanh(new)
        return torch.sigmoid(give) * torch.tanh(memory), memory

    @staticmethod
    def _last(weights: Weights, hidden: Tensor) -> Tensor:
        return torch.baddbmm(weights["last_bias"], hidden, weights["last"])[..., 0]
