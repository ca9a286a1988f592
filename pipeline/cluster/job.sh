#!/bin/sh
# The command of a job: a stage of Convoy, run by the interpreter that CONVOY_PYTHON names on this node, else by the one
# that Ray runs its workers with. What `python` means there is left to chance: Ray may have been started from an environment
# that nobody activated. The parent of a job's shell is a worker, and its parent is the raylet, which starts all workers and
# has the interpreter among its arguments.
set -eu
if [ -z "${CONVOY_PYTHON:-}" ]; then
  raylet=$(sed -n 's/.*) [A-Z] \([0-9]*\) .*/\1/p' "/proc/$PPID/stat")
  CONVOY_PYTHON=$(tr '\0' '\n' < "/proc/$raylet/cmdline" | sed -n 's/^--python_worker_command=\([^ ]*\) .*/\1/p')
fi
exec "${CONVOY_PYTHON:-python3}" -m pipeline run-job "$@"
