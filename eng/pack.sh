#!/usr/bin/env bash
# Packs our projects into artifacts/packages, and forgets copies of the same version that a restore took before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

rm -f artifacts/packages/*.nupkg artifacts/packages/*.snupkg
for project in src/*/*.csproj; do
  dotnet pack "$project" -c Release -v quiet -clp:NoSummary
done

cache=$(dotnet nuget locals global-packages --list)
cache=${cache#*: }
for package in artifacts/packages/*.nupkg; do
  name=$(basename "$package" .nupkg)
  version=$(sed -E 's/^[A-Za-z.]*\.([0-9]+\.[0-9]+\.[0-9]+.*)$/\1/' <<<"$name")
  id=${name%".$version"}
  rm -rf "${cache%/}/${id,,}/$version"
  echo "packed $id $version"
done
