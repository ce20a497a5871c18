PYTHON ?= python3
export PYTHON

.PHONY: demo test test-upstream test-mmpretrain lint clean

# Passive waiting: threads that spin would fight over a core that is not free.
demo: .venv/.installed  ## train a plug-in network on the embedded scenes and draw its prediction
	@OMP_WAIT_POLICY=passive .venv/bin/python tools/demo.py

test: .venv/.installed  ## the whole test suite, on the maintained line
	@.venv/bin/python -m pytest -n 2 --dist worksteal

test-upstream: .venv-upstream/.installed  ## the test suite on upstream MMSegmentation 1.2.2, without what depends on torch alone
	@PYTHONPATH="$(CURDIR)/tests/stubs/upstream" .venv-upstream/bin/python -m pytest -n 2 --dist worksteal -m 'not one_line'

test-mmpretrain: .venv-mmpretrain/.installed  ## what needs mmpretrain: pre-training, its backbones
	@PYTHONPATH="$(CURDIR)/tests/stubs/torchvision_on_cpu" .venv-mmpretrain/bin/python -m pytest -n 2 tests/with_mmpretrain tests/mixing

lint: .venv/.lint  ## ruff and mypy
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

.venv/.installed: pyproject.toml constraints.txt
	@tools/setup_venv.sh .venv constraints.txt onedl,test

.venv/.lint: .venv/.installed
	@tools/setup_venv.sh .venv constraints.txt onedl,test,lint && touch $@

.venv-upstream/.installed: pyproject.toml constraints-upstream.txt
	@tools/setup_venv.sh .venv-upstream constraints-upstream.txt test \
	    mmengine mmcv-lite mmsegmentation ftfy regex

.venv-mmpretrain/.installed: pyproject.toml constraints.txt constraints-mmpretrain.txt
	@tools/setup_venv.sh .venv-mmpretrain constraints.txt onedl,mmpretrain,test \
	    -c constraints-mmpretrain.txt timm

clean:
	rm -rf .venv .venv-upstream .venv-mmpretrain .venv*.log work_dirs
