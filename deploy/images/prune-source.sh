#!/bin/sh
# Run in a copy of the repository: removes what a running service does not read. What stays is listed, not what goes, so
# that a new folder is not shipped by accident.
set -eu

keep_packages="proto rtp engine media-io webrtc service-kit cluster"
keep_services="signal islb sfu"

[ -f package.json ] && [ ! -d .git ] || { echo "prune-source.sh: not in a copy without .git" >&2; exit 1; }

keep() { # keep FOLDER NAMES: removes FOLDER's other children
  for path in "$1"/*; do
    case " $2 " in *" ${path##*/} "*) ;; *) rm -rf "$path" ;; esac
  done
}

for path in * .[!.]*; do
  case "$path" in
    package.json | package-lock.json | .npmrc | LICENSE | packages | services | deploy | node_modules) ;;
    *) rm -rf "$path" ;;
  esac
done
keep packages "$keep_packages"
keep services "$keep_services"
keep deploy images

find packages services \( -name '*.test.ts' -o -name '*.contract.ts' -o -path '*/src/testing' -o -path '*/fixtures' \
  -o -path '*/native/testing' \) -prune -exec rm -rf {} +

# npm links the workspaces that are still there; the others must not be looked for.
node -e '
  const { readFileSync, writeFileSync } = require("node:fs");
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  manifest.workspaces = ["packages/*", "services/*"];
  delete manifest.devDependencies;
  delete manifest.scripts;
  writeFileSync("package.json", JSON.stringify(manifest, null, 2) + "\n");
'
