#!/usr/bin/env bash
# Builds in Release, starts the servers that the tests need, runs every test project, and ends with one line: N passed, N failed.
# Arguments go to the test runner as they are:  ./test.sh -class '*CsvReaderTests'   ./test.sh -method '*kill*'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# A password in the environment is not for the tests, of which some have none on purpose.
unset "${!PG@}"

results=$PWD/artifacts/test-results
filters=("$@")
# These wait for servers and processes for most of their time: both at once, when the rest is done.
last=' DataPlatform.Integration.Tests DataPlatform.Crash.Tests '

rm -rf "$results" && mkdir -p "$results"
eng/services.sh start
dotnet build DataPlatform.sln -c Release -v quiet -clp:NoSummary

run() { # project
  local name=$1 started=$SECONDS status=0
  timeout --kill-after=10s 25m "tests/$name/bin/Release/net10.0/$name" \
    -noLogo -noColor ${filters[@]+"${filters[@]}"} -xml "$results/$name.xml" >"$results/$name.log" 2>&1 </dev/null || status=$?
  echo "$status $((SECONDS - started))" >"$results/$name.status"
}

count() { # project what
  sed -n "s/.*<assembly [^>]*\b$2=\"\([0-9]*\)\".*/\1/p" "$results/$1.xml" 2>/dev/null | head -n 1
}

names=()
for project in tests/*.Tests/; do names+=("$(basename "$project")"); done

pids=()
for name in "${names[@]}"; do
  [[ $last == *" $name "* ]] && continue
  run "$name" &
  pids+=($!)
  if ((${#pids[@]} >= 2)); then wait "${pids[0]}"; pids=("${pids[@]:1}"); fi
done
wait
for name in "${names[@]}"; do
  if [[ $last == *" $name "* ]]; then run "$name" & fi
done
wait

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
  read -r status seconds <"$results/$name.status"
  p=$(count "$name" passed) f=$(($(count "$name" failed) + $(count "$name" errors))) s=$(count "$name" skipped) problem=
  if [[ -z $p ]]; then
    problem="did not finish (exit $status)" p=0 s=0 f=1
  elif ((p + f + s == 0)) && ((${#filters[@]} == 0)); then
    problem='has no tests' f=1
  elif ((status != 0 && f == 0)); then
    problem="exit $status" f=1
  fi
  if ((f > 0)); then
    printf '\n---- %s%s\n' "$name" "${problem:+: $problem}"
    grep -vE '^ +(Discovering|Discovered|Starting|Finished): ' "$results/$name.log" || true
  fi
  printf '%-34s %5d passed %4d failed %4d skipped %5d s\n' "$name" "$p" "$f" "$s" "$seconds"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

if ((passed + failed == 0)); then
  echo "No test matches: ${filters[*]}" >&2
  failed=1
fi
if ((skipped > 0)); then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
((failed == 0))
