PYTHON ?= python3
export PYTHON

.PHONY: demo env test test-upstream test-mmpretrain test-runtime test-broken-env lint docs clean

# Passive waiting: threads that spin would fight over a core that is not free.
demo: .venv/.installed  ## train a plug-in network on the embedded scenes and draw its prediction
	@OMP_WAIT_POLICY=passive .venv/bin/python tools/demo.py

test: .venv/.installed  ## the whole test suite, on the maintained line
	@.venv/bin/python -m pytest -n 2 --dist worksteal

test-upstream: .venv-upstream/.installed  ## the test suite on upstream MMSegmentation 1.2.2, without what depends on torch alone
	@PYTHONPATH="$(CURDIR)/tests/stubs/upstream" .venv-upstream/bin/python -m pytest -n 2 --dist worksteal -m 'not one_line'

test-mmpretrain: .venv-mmpretrain/.installed  ## what needs mmpretrain: pre-training, its backbones
	@PYTHONPATH="$(CURDIR)/tests/stubs/torchvision_on_cpu" .venv-mmpretrain/bin/python -m pytest -n 2 tests/with_mmpretrain tests/mixing

test-runtime: .venv/.installed .venv-runtime/.installed  ## the example that runs a network without torch and mmseg
	@.venv/bin/python -m pytest tests/runtime

test-broken-env: .venv/.installed .venv-upstream/.installed  ## break copies of the environments, follow the printed fixes
	@.venv/bin/python -m pytest -n 2 tests/broken_environments/test_fixes.py

lint: .venv/.lint  ## ruff and mypy
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

docs: .venv-docs/.installed  ## the documentation as a site
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet && echo "Open work_dirs/site/index.html, or for its search: python3 -m http.server -d work_dirs/site"

# With make -j4, pip fills them side by side.
env: .venv/.lint .venv-upstream/.installed .venv-mmpretrain/.installed .venv-docs/.installed .venv-runtime/.installed  ## all environments

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

.venv-docs/.installed: constraints-docs.txt
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip install --disable-pip-version-check -r $< >.venv-docs.log 2>&1 \
	    || { tail -n 5 .venv-docs.log; exit 1; }
	@touch $@

.venv-runtime/.installed: constraints.txt
	@$(PYTHON) -m venv .venv-runtime
	@.venv-runtime/bin/python -m pip install --disable-pip-version-check -c $< onnxruntime numpy pillow \
	    >.venv-runtime.log 2>&1 || { tail -n 5 .venv-runtime.log; exit 1; }
	@touch $@

clean:
	rm -rf .venv .venv-upstream .venv-mmpretrain .venv-docs .venv-runtime .venv-broken .venv*.log work_dirs
