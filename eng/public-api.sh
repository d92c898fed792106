#!/usr/bin/env bash
# Writes the public API of each package into its PublicAPI.Unshipped.txt, from what the analyzer finds missing. Read the diff: what a user
# does not need should be internal.
set -euo pipefail
cd "$(dirname "$0")/.."

for project in src/*/; do
  api="$project/PublicAPI.Unshipped.txt"
  echo "#nullable enable" >"$api"
  missing=$(dotnet build "$project" -c Release --no-incremental -p:TreatWarningsAsErrors=false -p:WarningsAsErrors= 2>&1 |
    sed -nE "s/.*(warning|error) RS0016: Symbol '(.*)' is not part of the declared public API.*/\2/p" | LC_ALL=C sort -u)
  { echo "#nullable enable"; printf '%s\n' "$missing" | sed '/^$/d'; } >"$api"
  echo "$api: $(($(wc -l <"$api") - 1)) members"
done
