"""A hook that lets a resumed training go on with the right random numbers."""

import random

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from mmseg_plugins.registry import HOOKS


@HOOKS.register_module()
class GeneratorStateHook(Hook):
    """Save the states of the random generators, and restore them on resume.

    The host saves none: a resumed run repeats the random numbers of its beginning.
    With this hook, and augmentation by position (``SeedByPosition``), a run that was
    stopped at a checkpoint and resumed ends with the same weights as an undisturbed
    one: bit for bit on a CPU, on a GPU as far as its operations are deterministic.

    - ``randomness.seed`` must be set. Without it, dropout goes on alike, but the order
      of the images and their augmentations are new. The batch size and the number of
      processes must stay the same; the number of workers may change.
    - ``IterBasedTrainLoop`` goes on at any iteration, ``EpochBasedTrainLoop`` at the
      end of an epoch: the host starts an unfinished epoch again.
    - The file has the states of the first process. All processes use them if they have
      the same seed, which is the default. With ``randomness.diff_rank_seed``, the
      others go on with new random numbers.
    - A validation does not change the states, because a run that is resumed at the
      checkpoint before a validation does not repeat the validation.

    To turn the hook off, leave it out of ``custom_hooks``.
    """

    priority = 'LOWEST'  # other hooks may draw before the states are restored

    def __init__(self) -> None:
        self.is_resumed, self.seed_in_file = False, None
        self.states_to_restore: dict | None = None
        self.states_before_val: dict | None = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add ``generator_states``."""
        checkpoint['generator_states'] = self.states_before_val or _get_states()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the states of a checkpoint that a training resumes from."""
        self.is_resumed = runner._resume
        self.states_to_restore = checkpoint.get('generator_states')
        self.seed_in_file = checkpoint.get('meta', {}).get('seed')

    def before_train(self, runner: Runner) -> None:
        """Give the loader a generator of its own.

        A loader draws a number when its workers start. It would come from the generator
        of the dropout layers, and in a resumed run at another time.
        """
        generator = torch.Generator().manual_seed(runner.seed)
        runner.train_dataloader.generator = generator

    def before_train_epoch(self, runner: Runner) -> None:
        """Restore the states once, before the first batch is loaded."""
        if not self.is_resumed:
            return
        self.is_resumed, states = False, self.states_to_restore
        if states is not None and self.seed_in_file == runner.seed:
            _set_states(states)
            return
        if states is None:
            runner.logger.warning(
                'The checkpoint has no generator_states: the random numbers are new, '
                'not those of an undisturbed run'
            )
        set_random_seed((runner.seed + runner.iter) % 2**32)

    def before_val(self, runner: Runner) -> None:
        """Keep the states."""
        self.states_before_val = _get_states()

    def after_val(self, runner: Runner) -> None:
        """Restore the states from before the validation."""
        if self.states_before_val is not None:
            _set_states(self.states_before_val)
            self.states_before_val = None


def _get_states() -> dict:
    """Return the states as types that ``torch.load(weights_only=True)`` allows."""
    name, numbers, *rest = np.random.get_state()
    states: dict = {
        'python': random.getstate(),
        'numpy': (name, np.asarray(numbers).tolist(), *rest),
        'torch': torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def _set_states(states: dict) -> None:
    random.setstate(states['python'])
    np.random.set_state(states['numpy'])
    torch.set_rng_state(states['torch'].cpu())  # resume moves tensors to the GPU
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())
