# Two commands: `make site` and `make test`. Everything else is there when you need it.
# Windows without make: python scripts/setup_env.py run, then .venv\Scripts\verifolio --help

PYTHON ?= python3
BIN := .venv/bin
PROFILE ?= laptop
FORCE ?=

.PHONY: site test serve run check bench env
site: env          ## run what is stale, derive, stage, build build/site
	@$(BIN)/verifolio site

test:              ## everything, in headless Chromium too
	@$(PYTHON) scripts/setup_env.py test
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

serve: env         ## the site with live reload, the local demos behind it
	@$(BIN)/verifolio serve

run: env           ## experiments only: PROFILE=smoke|laptop|gpu, FORCE=1
	@$(BIN)/verifolio run --profile $(PROFILE) $(if $(FORCE),--force)

check:             ## lint, types, freshness, bindings, links
	@$(PYTHON) scripts/setup_env.py test
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/verifolio check

bench:             ## how fast the engine is, as ratios in one run
	@$(PYTHON) scripts/setup_env.py test
	@$(BIN)/python scripts/bench_build.py

env:
	@$(PYTHON) scripts/setup_env.py run
