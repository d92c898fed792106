#!/usr/bin/env bash
# Packs our projects into artifacts/packages, and forgets copies of the same version that a restore took before. Arguments go to `dotnet pack`: --no-build
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

rm -f artifacts/packages/*.nupkg artifacts/packages/*.snupkg
dotnet pack DataPlatform.sln -c Release -v quiet -clp:NoSummary "$@"

cache=$(dotnet nuget locals global-packages --list)
cache=${cache#*: }
for package in artifacts/packages/*.nupkg; do
  name=$(basename "$package" .nupkg)
  version=$(sed -E 's/^[A-Za-z.]*\.([0-9]+\.[0-9]+\.[0-9]+.*)$/\1/' <<<"$name")
  id=${name%".$version"}
  rm -rf "${cache%/}/${id,,}/$version"
  echo "packed $id $version"
done
