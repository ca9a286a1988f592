#!/bin/bash
#SBATCH --job-name=convoy
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
#SBATCH --output=slurm-%j.out
# A Ray cluster for one Slurm job, and `dvc repro` on it; submit it from the project's folder, which all nodes see:
#   sbatch deploy/slurm.sh
# CONVOY_STUDY_URI and MLFLOW_TRACKING_URI name servers: in a folder of several machines the study is refused as a file of SQLite.
# The token is made for this job alone, in a folder that only you may enter, and goes with it. Five minutes before its time is
# over the search puts its trials aside; submit it again, and it goes on. Lines of SBATCH are EDITed for your machines.
set -euo pipefail
umask 077

private=$(mktemp -d "$PWD/.convoy-slurm-${SLURM_JOB_ID}.XXXXXX") # on the shared file system: every node reads the token
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$private/token" RAY_USAGE_STATS_ENABLED=0
od -An -N 32 -t x1 /dev/urandom | tr -d ' \n' > "$RAY_AUTH_TOKEN_PATH"

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
address=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 20000))
ports=$((port + 1)) # of the dashboard, on loopback; jobs of others on the node have other numbers

finish() {
  jobs -p | xargs --no-run-if-empty kill 2> /dev/null || true
  wait || true
  rm -rf "$private"
}
trap finish EXIT

start() { # NODE, then what `ray start` takes; ends with this script
  local node=$1
  shift
  srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
    ray start --block --disable-usage-stats --num-cpus="${SLURM_CPUS_PER_TASK:-1}" "$@" &
}

start "$head" --head --node-ip-address="$address" --port="$port" --dashboard-host=127.0.0.1 --dashboard-port="$ports"
until ray status --address="$address:$port" > /dev/null 2>&1; do
  kill -0 %1 || exit 1 # the head did not come up: its output says why
  sleep 2
done
for node in "${nodes[@]:1}"; do
  start "$node" --address="$address:$port"
done

export RAY_ADDRESS="$address:$port" # what `cluster.address: local` then means
dvc repro &
search=$!
trap 'kill -TERM "$search"' TERM
wait "$search" || wait "$search" # the first returns at a signal, the second with how it ended
