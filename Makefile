# `make up` runs nasweb, `make test` tests it; both install what they need into .venv first.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null) python3)
HOME_FOLDER = $(or $(NASWEB_HOME),data)
RUN = .venv/bin/python
.PHONY: up down logs link demo bench lint test conformance help install install-dev
.DEFAULT_GOAL := help

up: install            ## run everything in the foreground; Ctrl-C stops it (NASWEB_PORT, NASWEB_HOME)
	@exec $(RUN) -m nasweb.up

down: install          ## stop the one that runs on this data folder
	@exec $(RUN) -m nasweb.up down

logs:                  ## follow the logs of web, worker and Redis
	@tail -n 50 -F $(HOME_FOLDER)/logs/*.log

link: install          ## print a new one-time sign-in link
	@exec $(RUN) manage.py sign_in_link

demo: install          ## put the demo searches into the data folder (make up does it too)
	@exec $(RUN) manage.py seed_demo

bench: install-dev     ## speed against peers, each a ratio measured in one run
	@for script in benchmarks/*.py; do echo "== $$script"; PYTHONPATH=. $(RUN) "$$script" || exit 1; done

lint: install-dev      ## ruff, and mypy (strict on engine, django-stubs on apps)
	@$(RUN) -m ruff check . && $(RUN) -m mypy

test: install-dev      ## all tests on SQLite, then those of the web application on PostgreSQL
	@$(RUN) -m pytest -q -n 2 --dist worksteal
	@$(RUN) -m nasweb.up.postgres $(RUN) -m pytest -q tests/apps

conformance: install-dev  ## every strategy in every space, 10,000 architectures of each, every editor: all of the suites (an hour)
	@NASWEB_CONFORMANCE=all $(RUN) -m pytest -q -n 2 --dist worksteal tests/engine/strategies/test_conformance.py \
		tests/engine/strategies/test_killed.py tests/engine/spaces/test_conformance.py \
		tests/flows/test_space_kinds.py

help:                  ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 20

install:
	@$(PYTHON) nasweb/up/install.py

install-dev:
	@$(PYTHON) nasweb/up/install.py dev
