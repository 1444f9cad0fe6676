#!/bin/sh
# Log in to the registry, with the role of the machine. The image's name is in the bundle.
set -eu
registry=$(sed -n 's|^ *image: \([^/]*\)/.*|\1|p' docker-compose.yml)
region=$(echo "$registry" | cut -d. -f4)
aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "$registry"
