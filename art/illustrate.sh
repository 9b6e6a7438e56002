#!/bin/sh
# Rasterise an illustration: art/illustrate.sh art/yuki.svg out.png (needs Chromium)
set -eu
page=$(mktemp --suffix=.html)
trap 'rm -f "$page"' EXIT
{ printf '<!doctype html><style>html,body{margin:0;background:#fff}svg{display:block}</style>'; cat "$1"; } > "$page"
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
    --window-size=1080,2040 --screenshot="$2.tall.png" "file://$page" >/dev/null 2>&1
python3 - "$2" <<'PY'
import sys

import cv2

tall = cv2.imread(sys.argv[1] + ".tall.png")
cv2.imwrite(sys.argv[1], tall[:1920, :1080], [cv2.IMWRITE_PNG_COMPRESSION, 9])
PY
rm -f "$2.tall.png"
