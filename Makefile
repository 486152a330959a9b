# Every command is `python3 tools/dev.py …`; this file only gives them short names. What each does: make help
PYTHON ?= python3
ARGS ?=
DEV = $(PYTHON) tools/dev.py

.PHONY: help run test check bench replay-full lock

help:
	@$(DEV) --help

run:
	@$(DEV) run

test:
	@$(DEV) test -- $(ARGS)

check:
	@$(DEV) check

bench:
	@$(DEV) bench -- $(ARGS)

replay-full:
	@$(DEV) replay-full -- $(ARGS)

lock:
	@$(DEV) lock
