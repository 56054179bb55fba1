// Judge photos from JavaScript (Node 20 or newer, or a browser's fetch): node docs/examples/detect.mjs PHOTO...
// REFUNDLENS_URL and REFUNDLENS_API_KEY say where and who. One JSON line a photo. No dependency.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

const ATTEMPTS = 5; // tries at a server that is busy
const LONGEST_WAIT = 30; // seconds; a server that asks for more is not waited for any longer

/** The API's answer for each photo, in order. At most 16. Throws with the problem's code. */
export async function detect(photos, url, key) {
  const headers = {
    Authorization: `Bearer ${key}`,
    "X-Deadline-Ms": "30000",
    "Idempotency-Key": crypto.randomUUID(), // a second try is never judged twice
  };
  for (let attempt = 1; ; attempt += 1) {
    const body = new FormData();
    for (const { name, data } of photos) body.append("image", new Blob([data]), name);
    const response = await fetch(`${url}/v1/detect`, { method: "POST", headers, body });
    const answer = await response.json();
    if (response.ok) return answer.detections;
    if (![429, 503].includes(response.status) || attempt === ATTEMPTS) {
      throw new Error(`${answer.code}: ${answer.detail}`);
    }
    const wait = Math.min(Number(response.headers.get("Retry-After") ?? 1), LONGEST_WAIT);
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  }
}

const paths = process.argv.slice(2);
if (paths.length === 0) {
  console.error("usage: node detect.mjs PHOTO...");
  process.exit(2);
}
const photos = await Promise.all(
  paths.map(async (path) => ({ name: basename(path), data: await readFile(path) })),
);
const url = process.env.REFUNDLENS_URL ?? "http://127.0.0.1:8000";
for (const line of await detect(photos, url, process.env.REFUNDLENS_API_KEY)) {
  console.log(JSON.stringify(line));
}
