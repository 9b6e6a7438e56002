"""How long the web SDK's JavaScript takes to draw a frame, in Chromium, while a default digital human speaks, blinks
and turns its head.

.venv/bin/python scripts/browser_frames.py        # Mia; the SDK must be built
.venv/bin/python scripts/browser_frames.py Yuki

The graphics card draws after that, beside the JavaScript, so its own speed is not part of these figures.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from mien.face.store import PackageStore, default_humans

SDK = Path(__file__).resolve().parent.parent / "web" / "sdk" / "dist" / "mien-sdk.js"
SIZES = ((1080, 1920), (360, 640))
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader"]
HTML = """<!doctype html><canvas></canvas><script type="module">
import * as sdk from "/mien-sdk.js"; window.sdk = sdk;</script>"""
MEASURE = """async size => {
  const face = new sdk.FaceRenderer(document.querySelector("canvas"), { size });
  await face.load("/face.zip");
  const times = [];
  for (let frame = 0; frame < 400; frame++) {
    await new Promise(requestAnimationFrame);
    const t = frame / 25, blink = frame % 90 < 6 ? 1 : 0;
    const motion = sdk.motionOf({ jaw: 0.5 + 0.5 * Math.sin(20 * t), wide: 0.3 + 0.3 * Math.sin(7 * t),
      blink_l: blink, blink_r: blink, yaw: 3 * Math.sin(t), pitch: 2 * Math.sin(1.3 * t),
      breath: 0.5 + 0.5 * Math.sin(t) });
    const begin = performance.now();
    face.draw(motion);
    if (frame >= 100) times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  return [times[150], times[285]];
}"""


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else "Mia"
    human = next((human for human in default_humans() if wanted in human.names.values()), None)
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if human is None or browser is None or not SDK.is_file():
        print("Needs a default digital human's name, Chromium, and the built SDK (make setup).", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = PackageStore(Path(folder))
        store.get(human.id)
        package = store.path(human.id).read_bytes()
        page = playwright.chromium.launch(executable_path=browser, args=FLAGS).new_page()
        # The last one that fits answers.
        page.route("**/*", lambda route: route.fulfill(body=HTML, content_type="text/html"))
        page.route("**/*.js", lambda route: route.fulfill(path=SDK, content_type="text/javascript"))
        page.route("**/*.zip", lambda route: route.fulfill(body=package, content_type="application/zip"))
        page.goto("https://mien.example/")
        page.wait_for_function("window.sdk")
        for size in SIZES:
            median, p95 = page.evaluate(MEASURE, list(size))
            print(f"{size[0]} x {size[1]}: {median:.1f} ms a frame in the median, {p95:.1f} ms in 95 of 100")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
