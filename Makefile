PYTHON ?= python

.PHONY: install lint test quickstart soak results

install:
	$(PYTHON) -m pip install -e ".[test]"

lint:
	$(PYTHON) -m ruff check .

test:
	$(PYTHON) -m pytest

# Both stages, scored and used: about ten minutes on two CPU cores.
quickstart:
	$(PYTHON) effsr/train.py -opt options/quickstart_esrnet_x4.yml
	$(PYTHON) effsr/train.py -opt options/quickstart_esrgan_x4.yml
	$(PYTHON) effsr/test.py -opt options/test_x4.yml
	$(PYTHON) effsr/upscale.py -i datasets/sample/val --overwrite

# Every fault point and many random moments, both stages, with and without workers and a second process: about an hour.
soak:
	EFFSR_SOAK=1 $(PYTHON) -m pytest -q tests/test_resume.py tests/test_resume_processes.py tests/test_disk_full.py

# Runs the commands that made the tables of docs/results.md again: hours. Names of blocks: make results NAMES="models train".
results:
	$(PYTHON) docs/renew_results.py $(NAMES)
