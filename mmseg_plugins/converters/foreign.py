"""Whether a checkpoint that reaches a module was written for another."""

from collections.abc import Collection

from torch import Tensor


def pop_foreign(
    state_dict: dict[str, Tensor], prefix: str, own: Collection[str]
) -> dict[str, Tensor]:
    """Take out of ``state_dict`` all that is under ``prefix``, if no key is ``own``.

    Args:
        state_dict: What ``_load_from_state_dict`` is given; modified.
        prefix: The module's, with a final dot, or empty.
        own: The keys of the module's own state dict.

    Returns:
        The entries taken out, without the prefix; empty for a checkpoint of ours.

    Example:
        >>> checkpoint = {'backbone.a': 1, 'head.b': 2}
        >>> pop_foreign(checkpoint, 'backbone.', ['c']), checkpoint
        ({'a': 1}, {'head.b': 2})
    """
    keys = [key for key in state_dict if key.startswith(prefix)]
    if any(key.removeprefix(prefix) in own for key in keys):
        return {}
    return {key.removeprefix(prefix): state_dict.pop(key) for key in keys}
