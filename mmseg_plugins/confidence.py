"""The temperature of confidences: its place in a checkpoint, and its fit."""

import math

import torch
from torch import Tensor


def find_temperature(meta: dict, classes: int) -> Tensor:
    """Return the temperature that ``tools/calibrate.py`` wrote, else one.

    The confidence of a pixel is softmax(logits / temperature) at its label. Labels
    come from the logits, so no temperature changes them.

    Args:
        meta: The ``meta`` of a checkpoint; ``temperature`` is a float, or a list with
            one for each class, which is used where that class is predicted.
        classes: Number of classes K.

    Returns:
        Shape (1,) or (K,), float32, greater than 0.

    Raises:
        ValueError: If it is not one, or K, numbers greater than 0.
    """
    value = meta.get('temperature', 1.0)
    values = value if isinstance(value, list) else [value]
    are_numbers = all(isinstance(number, int | float) for number in values)
    if not are_numbers or len(values) not in (1, classes) or not min(values) > 0:
        raise ValueError(
            f'temperature={value!r} in the meta of the checkpoint: must be a number '
            f'greater than 0, or a list of {classes}; run tools/calibrate.py again'
        )
    return torch.tensor(values, dtype=torch.float32)


def fit_temperature(logits: Tensor, truth: Tensor) -> float:
    """Return the temperature with the least negative log-likelihood.

    Where its derivative is zero, the mean logit of the truth is the mean of the logits
    that softmax(logits / temperature) expects, which grows as the temperature falls.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Sec. 4.2.

    Args:
        logits: Logits (P, K) of P pixels.
        truth: Labels (P,), int64, 0 to K - 1.

    Returns:
        From 0.01 to 100: the nearer end if the least is not between them, as for pixels
        that are all predicted right.
    """
    logits = logits.double()
    target = logits.gather(1, truth[:, None]).mean()
    low, high = math.log(0.01), math.log(100)
    for _ in range(30):
        middle = (low + high) / 2
        probabilities = (logits / math.exp(middle)).softmax(1)
        if (probabilities * logits).sum(1).mean() <= target:
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)
