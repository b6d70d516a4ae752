"""Other programs' strategies, asked through one line of JSON each: runs in the environment of `requirements-bench.txt`.

    {"peer": "optuna", "do": "quality", "seed": 3, "evaluations": 200}           -> the best value on landscape L2
    {"peer": "optuna", "do": "overhead", "told": 2000, "repeats": 10}            -> processor milliseconds of each ask + tell

A peer is two functions: `NAME_quality` and `NAME_overhead`, named in QUALITY and OVERHEAD.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import warnings
from collections.abc import Mapping
from random import Random
from typing import Any

from engine.architecture.architecture import Architecture
from engine.benchmarks.landscapes import LANDSCAPES

L2 = LANDSCAPES["L2"]
LAYERS, CHOICES = 6, range(4)
REFITS = 8                                      # outcomes between two fits of SMAC3's forest
DECISIONS, OPTIONS = 40, 5                      # of the space in which overhead is measured: choices without conditions


def value(config: Mapping[str, Any]) -> float:
    """Of landscape L2, minimised."""
    plain = {name: int(choice) for name, choice in config.items()}
    return L2.value(Architecture("conditional_chain", plain))


def optuna_quality(seed: int, evaluations: int, **settings: Any) -> float:
    import optuna

    def objective(trial: Any) -> float:
        config = {"layers": trial.suggest_int("layers", 1, LAYERS)}
        for k in range(1, config["layers"] + 1):
            config |= {name: trial.suggest_categorical(name, list(CHOICES)) for name in (f"op_{k}", f"width_{k}")}
        return value(config)

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, **settings))
    study.optimize(objective, n_trials=evaluations)
    return float(study.best_value)


def optuna_univariate_quality(seed: int, evaluations: int) -> float:
    return optuna_quality(seed, evaluations, multivariate=False)


def optuna_group_quality(seed: int, evaluations: int) -> float:
    return optuna_quality(seed, evaluations, multivariate=True, group=True)


def optuna_overhead(told: int, repeats: int, multivariate: bool = False) -> list[float]:
    """With hyperopt's split and startup, one by one."""
    import optuna
    from optuna.samplers._tpe.sampler import hyperopt_default_gamma

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=multivariate, n_startup_trials=20,
                                         gamma=hyperopt_default_gamma)
    study, rng = optuna.create_study(sampler=sampler), Random(0)
    of = {f"x_{k}": optuna.distributions.CategoricalDistribution(list(range(OPTIONS))) for k in range(DECISIONS)}
    for _ in range(told):
        drawn = {name: rng.randrange(OPTIONS) for name in of}
        study.add_trial(optuna.trial.create_trial(params=drawn, distributions=of, value=rng.random()))
    times = []
    for _ in range(repeats):
        start = time.process_time()
        trial = study.ask()
        for name, distribution in of.items():
            trial.suggest_categorical(name, distribution.choices)
        study.tell(trial, rng.random())
        times.append(1000 * (time.process_time() - start))
    return times


def optuna_joint_overhead(told: int, repeats: int) -> list[float]:
    return optuna_overhead(told, repeats, multivariate=True)


def hyperopt_quality(seed: int, evaluations: int) -> float:
    import numpy as np
    from hyperopt import fmin, hp, tpe

    pairs = [[hp.choice(name, list(CHOICES)) for name in (f"op_{k}", f"width_{k}")] for k in range(1, LAYERS + 1)]
    space = hp.choice("layers", [pairs[:layers] for layers in range(1, LAYERS + 1)])
    best = math.inf

    def objective(drawn: Any) -> float:
        nonlocal best
        config = {"layers": len(drawn)}
        for k, (op, width) in enumerate(drawn, 1):
            config |= {f"op_{k}": op, f"width_{k}": width}
        best = min(best, found := value(config))
        return found

    fmin(objective, space, tpe.suggest, evaluations, rstate=np.random.default_rng(seed), show_progressbar=False,
         verbose=False)
    return best


def hyperopt_overhead(told: int, repeats: int) -> list[float]:
    from hyperopt import JOB_STATE_DONE, Domain, Trials, hp, rand, tpe

    rng = Random(0)
    domain = Domain(lambda config: 0.0, {f"x_{k}": hp.choice(f"x_{k}", list(range(OPTIONS))) for k in range(DECISIONS)})
    trials = Trials()

    def tell(docs: list[Any]) -> None:
        for doc in docs:
            doc |= {"state": JOB_STATE_DONE, "result": {"status": "ok", "loss": rng.random()}}
        trials.insert_trial_docs(docs)
        trials.refresh()

    tell(rand.suggest(trials.new_trial_ids(told), domain, trials, 0))
    times = []
    for number in range(repeats):
        start = time.process_time()
        tell(tpe.suggest(trials.new_trial_ids(1), domain, trials, number, verbose=False))
        times.append(1000 * (time.process_time() - start))
    return times


def smac_quality(seed: int, evaluations: int) -> float:
    """The facade for hyperparameters; its losses are taken as logarithms of value + 0.001."""
    import tempfile

    from ConfigSpace import Categorical, ConfigurationSpace, GreaterThanCondition, Integer, OrConjunction
    from ConfigSpace.conditions import EqualsCondition
    from smac import HyperparameterOptimizationFacade, Scenario

    space, layers = ConfigurationSpace(seed=seed), Integer("layers", (1, LAYERS))
    space.add(layers)
    for k in range(1, LAYERS + 1):
        for name in (f"op_{k}", f"width_{k}"):
            decision = Categorical(name, list(CHOICES))
            space.add(decision)
            if k == LAYERS:
                space.add(EqualsCondition(decision, layers, LAYERS))
            elif k == LAYERS - 1:
                space.add(OrConjunction(EqualsCondition(decision, layers, k), EqualsCondition(decision, layers, LAYERS)))
            elif k > 1:
                space.add(GreaterThanCondition(decision, layers, k - 1))
    best = math.inf

    def objective(config: Any, seed: int = 0) -> float:
        nonlocal best
        best = min(best, found := value(dict(config)))
        return math.log(found + 1e-3)

    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(space, n_trials=evaluations, deterministic=True, seed=seed, output_directory=folder)
        HyperparameterOptimizationFacade(scenario, objective, overwrite=True, logging_level=logging.ERROR).optimize()
    return best


def smac_overhead(told: int, repeats: int) -> list[float]:
    """It fits its forest after every eighth outcome: each figure is the mean of eight suggestions, one fit among them."""
    import tempfile

    from ConfigSpace import Categorical, ConfigurationSpace
    from smac import HyperparameterOptimizationFacade as Facade
    from smac import Scenario
    from smac.runhistory.dataclasses import TrialInfo, TrialValue

    space, rng = ConfigurationSpace(seed=0), Random(0)
    space.add([Categorical(f"x_{k}", list(range(OPTIONS))) for k in range(DECISIONS)])
    times = []
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(space, n_trials=10 * told, deterministic=True, seed=0, output_directory=folder)
        facade = Facade(scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=logging.ERROR,
                        initial_design=Facade.get_initial_design(scenario, n_configs=1))
        for config in space.sample_configuration(told):
            facade.tell(TrialInfo(config, seed=0), TrialValue(cost=rng.random()))
        for _ in range(max(2, repeats // REFITS)):
            start = time.process_time()
            for _ in range(REFITS):
                facade.tell(facade.ask(), TrialValue(cost=rng.random()))
            times.append(1000 * (time.process_time() - start) / REFITS)
    return times


QUALITY = {"optuna": optuna_quality, "optuna_univariate": optuna_univariate_quality, "optuna_group": optuna_group_quality,
           "hyperopt": hyperopt_quality, "smac3": smac_quality}
OVERHEAD = {"optuna": optuna_overhead, "optuna_joint": optuna_joint_overhead, "hyperopt": hyperopt_overhead,
            "smac3": smac_overhead}


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for line in sys.stdin:
        order = json.loads(line)
        peer = {"quality": QUALITY, "overhead": OVERHEAD}[order.pop("do")][order.pop("peer")]
        print("answer " + json.dumps(peer(**order)), flush=True)


if __name__ == "__main__":
    main()
