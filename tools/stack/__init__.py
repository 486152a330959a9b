"""What `tools/dev.py` is made of: the programs of one installation on one machine, without Docker.

A *data directory* (`DATA_DIR`, `.local/` unless said otherwise) belongs to one installation: its PostgreSQL and Valkey, its secrets, its
logs, its demo logins. Whoever holds the lock in it is its *supervisor*; there is never a second one. A *program* is something the
supervisor starts, watches, starts again when it dies, and stops: the two servers, web, worker and beat.

What always holds: every program leads a session of its own, so that Ctrl-C in the terminal reaches the supervisor only; every program,
and whatever it forks, carries the supervisor's random *mark* in its environment; `state.json` names the mark and the programs. A process
is ended only if it carries that mark, or is known by its number *and* the moment it was born. So a killed supervisor's leftovers are
found by the next one, and no stranger that got the same process number is touched.

Everything here is Python's standard library, for it runs before anything is installed.

  environment  the virtual environment, from locks with hashes      layout      the data directory: lock, secrets, state
  processes    who runs, who is left over, how they end             supervisor  start, watch, start again, stop
  postgres     the embedded PostgreSQL                              valkey      the embedded Valkey
  session      servers up, settings in the environment              running     `run`: the whole installation
  archive      `backup` and `restore`                               checks      `check`: everything but the tests
"""
