#!/usr/bin/env bash
# Runs a benchmark as jobs are deployed: the job that loads compiled to machine code (Native AOT), all else ahead of time (ReadyToRun) with the runtime beside it.
#   eng/benchmark.sh csv-postgresql --rows 5000000 --rounds 5        eng/benchmark.sh --help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# The lock files name no platform: this one's goes to a lock file of its own.
dotnet publish benchmarks/DataPlatform.Benchmarks -c Release --use-current-runtime --no-self-contained -p:PublishReadyToRun=true \
  -p:NuGetLockFilePath=obj/ready-to-run.lock.json -o artifacts/benchmarks -v quiet -clp:NoSummary
dotnet publish benchmarks/DataPlatform.Benchmarks.Job -c Release --use-current-runtime \
  -p:NuGetLockFilePath=obj/native-aot.lock.json -o artifacts/benchmarks/aot -v quiet -clp:NoSummary
exec artifacts/benchmarks/DataPlatform.Benchmarks "$@"
