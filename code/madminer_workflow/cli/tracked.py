"""What the commands of steps leave to be logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from madminer_workflow.tracking.log import Dataset, log_step

if TYPE_CHECKING:
    from madminer_workflow.configuration import Configuration
    from madminer_workflow.estimators import Fitted
    from madminer_workflow.events import Header
    from madminer_workflow.steps.evaluation import Evaluation
    from madminer_workflow.steps.sample import SampleRecord

__all__ = ["metrics_of", "track_evaluation", "track_plotting", "track_sampling", "track_training"]

_CURVES = ("train_loss", "validation_loss", "learning_rate", "gradient_norm")
_ENDINGS = {"full": "", "kinematics": "_kinematics"}


def track_sampling(
    header: Header, configuration: Configuration, records: Sequence[SampleRecord]
) -> None:
    """Leaves how many samples were drawn for each method.

    Args:
        header: The header of the event file.
        configuration: The settings of the step, those of the first combination of a sweep.
        records: What was drawn.
    """
    drawn = {
        f"{one.method}.samples.{name}": part for one in records for name, part in one.parts.items()
    }
    first = records[0]
    log_step(
        "sampling",
        "sampling",
        params={
            **_drawn_from(configuration),
            **{key: part.n_samples for key, part in drawn.items()},
        },
        tags=_process(header),
        metrics={f"effective_samples/{key}": part.effective_samples for key, part in drawn.items()},
        dataset=Dataset(first.event_file, first.event_file_sha256, str(header.path.resolve())),
    )


def track_training(fitted: Fitted, samples: Mapping[str, Any], folder: Path) -> None:
    """Leaves the settings and the course of a training.

    Args:
        fitted: The trained model and the course of its training.
        samples: What samples.json says of its samples.
        folder: The folder of the model.
    """
    description, history = fitted.model.description, fitted.history
    words = {"method": description.method, "member": description.member}
    drawn = {f"samples.{name}": part["n_samples"] for name, part in samples["parts"].items()}
    log_step(
        f"{description.method}_{description.member}",
        "training",
        params={**words, "seed": description.seed, **drawn, **description.settings},
        tags=words,
        metrics={
            "best_validation_loss": history.best_validation_loss,
            "best_epoch": history.best_epoch,
            "training_seconds": float(history.seconds.sum()),
        },
        history={
            **{name: getattr(history, name) for name in _CURVES},
            "epoch_seconds": history.seconds,
        },
        seconds=history.seconds.tolist(),
        model=(folder, dict(zip(description.observables, fitted.example.T.tolist(), strict=True))),
        dataset=Dataset(samples["event_file"], samples["event_file_sha256"]),
    )


def track_evaluation(
    header: Header, configuration: Configuration, evaluation: Evaluation, folder: Path
) -> None:
    """Leaves what the evaluation of a model says.

    Args:
        header: The header of the event file.
        configuration: The settings of the step.
        evaluation: The evaluation.
        folder: Its folder, which is named for the model.
    """
    words = {"method": evaluation.method, "member": folder.name.rpartition("_")[2]}
    log_step(
        f"evaluate {folder.name}",
        "evaluation",
        params={**words, **_data(configuration)},
        tags={**words, **_process(header)},
        metrics={
            "normalisation": evaluation.largest_offset,
            "n_held_out_events": evaluation.n_events,
        },
        dataset=Dataset.of(header.path),
    )


def track_plotting(
    header: Header, configuration: Configuration, results: Mapping[str, Any], products: Path
) -> None:
    """Leaves the sizes of regions and how far each method can be trusted, and the figures.

    Args:
        header: The header of the event file.
        configuration: The settings of the step, those of the first combination of a sweep.
        results: The content of results.json.
        products: The folder with it.
    """
    verdicts = {
        f"verdict.{name}": limit["verdict"]["level"]
        for name, limit in results.get("limits", {}).items()
        if "verdict" in limit
    }
    checksum = results["provenance"]["inputs"]["data_file"]["sha256"]
    log_step(
        "plotting",
        "plotting",
        params=_data(configuration),
        tags={**_process(header), **verdicts},
        metrics=dict(metrics_of(results)),
        artifacts=[products / name for name in ("results.json", "sweep.csv", "figures")],
        dataset=Dataset(header.path.name, checksum, str(header.path.resolve())),
    )


def metrics_of(results: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yields the numbers by which runs are compared, as `quantity/method`.

    For a sweep it is `quantity/combination/method`, and the mean over its initialisations.

    Args:
        results: The content of results.json.
    """
    for name, limit in results.get("limits", {}).items():
        yield from _limit(name, limit)
    best = results.get("best") or {}
    if isinstance(values := best.get("values"), Mapping):
        for name, standing in values.items():
            yield f"{best['criterion']}/{name}", standing["value"]
    for standing in (best.get("expected") or {}).get("values", []):
        name = f"{standing['combination']}/{standing['method']}"
        yield f"{best['expected']['criterion']}/{name}", standing["value"]
    for combination in results.get("combinations", []):
        for name, columns in combination["data"]["expected"]["limits"].items():
            for which, ending in _ENDINGS.items():
                size = columns[f"size_95_{which}"]["mean"]
                yield f"area_95{ending}/{combination['name']}/{name}", size


def _limit(name: str, limit: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yields the numbers of one method or baseline."""
    for which, ending in _ENDINGS.items():
        for level in ("68", "95"):
            yield f"area_{level}{ending}/{name}", limit[which]["regions"][level]["size"]
        if "iou_95_with_exact" in limit[which]:
            yield f"iou_95{ending}/{name}", limit[which]["iou_95_with_exact"]
    if "normalisation" in limit:
        yield f"normalisation/{name}", limit["normalisation"]["largest_offset"]
    found = limit.get("diagnostics", {})
    for kind in ("closure", "score_closure"):
        if closure := found.get(kind):
            yield f"closure_chi2/{name}", _worst(closure["tests"])
    if bias := found.get("bias_test"):
        yield f"bias_test/{name}", bias["size"]


def _worst(tests: Mapping[str, Any]) -> float | None:
    """Returns the largest chi-square in units of its degrees of freedom."""
    pairs = [
        (chi2, ndf)
        for row in zip(tests["chi2"], tests["ndf"], strict=True)
        for chi2, ndf in zip(*row, strict=True)
    ]
    return max((chi2 / ndf for chi2, ndf in pairs if ndf and chi2 is not None), default=None)


def _process(header: Header) -> dict[str, object]:
    """Returns the tag with the preset, if the event file states its process."""
    return {"preset": (header.process or {}).get("preset")}


def _data(configuration: Configuration) -> dict[str, object]:
    """Returns the parameters of limits: what the events are drawn from, the grid, the data."""
    limits = configuration.limits
    return {
        **_drawn_from(configuration),
        "luminosity": limits.luminosity_ipb,
        "grid.resolutions": limits.resolutions,
        "grid.region": limits.region,
        "theta_true": limits.thetas_true,
    }


def _drawn_from(configuration: Configuration) -> dict[str, object]:
    """Returns the seed and the parts of the events."""
    splits = vars(configuration.splits)
    return {"seed": configuration.seed, **{f"splits.{name}": one for name, one in splits.items()}}
