// SPDX-License-Identifier: MIT
// Answers requests with rattler's solver.
//
//     node oracle.mjs FOLDER_WITH_NODE_MODULES FOLDER_OF_CHANNELS
//
// Reads one JSON object a line: {"id", "specs", "channels": [folder], "platforms"}. Writes one a line:
// {"id", "ms", "packages": [...]} or {"id", "ms", "kind": "unsolvable" | "parse" | "failed", "error"}.
// {"match": [[version condition, [version]]]} is answered with {"match": [[boolean] or null]}.
//
// rattler reads channels over HTTP only and anew for every request, so this serves them on loopback,
// out of memory, from the same process.
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const [modules, root] = process.argv.slice(2).map((p) => path.resolve(p));
const { simpleSolve, Version, VersionSpec } = createRequire(path.join(modules, 'from-here.cjs'))('@conda-org/rattler');

const files = new Map();
for (const channel of fs.readdirSync(root)) {
  for (const subdir of fs.readdirSync(path.join(root, channel))) {
    const file = path.join(root, channel, subdir, 'repodata.json');
    if (fs.existsSync(file)) {
      files.set(`/${channel}/${subdir}/repodata.json`, fs.readFileSync(file));
    }
  }
}

const server = http.createServer((request, response) => {
  const body = files.get(request.url);
  response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
  response.end(request.method === 'HEAD' ? undefined : body);
});

function describe(p) {
  return {
    name: p.packageName,
    version: p.version,
    build: p.build,
    build_number: Number(p.buildNumber ?? 0),
    subdir: p.subdir,
    url: p.url,
  };
}

function kindOf(error) {
  if (/^Cannot solve the request/.test(error)) return 'unsolvable';
  if (/unreachable|memory access|RuntimeError|fetch|reqwest|gateway/i.test(error)) return 'failed';
  return 'parse';
}

async function answer(request, base) {
  const started = Date.now();
  const channels = request.channels.map((c) => `${base}/${c}`);
  try {
    const found = await simpleSolve(request.specs, channels, request.platforms, []);
    const packages = found.map(describe).filter((p) => !p.name.startsWith('__'));
    for (const p of found) p.free();
    return { id: request.id, ms: Date.now() - started, packages };
  } catch (thrown) {
    const error = String(thrown?.stack ?? thrown);
    return { id: request.id, ms: Date.now() - started, kind: kindOf(error), error };
  }
}

const versions = new Map();

function version(text) {
  if (!versions.has(text)) {
    let parsed = null;
    try { parsed = new Version(text); } catch { /* nothing matches what cannot be read */ }
    versions.set(text, parsed);
  }
  return versions.get(text);
}

function match([condition, texts]) {
  try {
    const spec = new VersionSpec(condition, 'lenient');
    const matched = texts.map((text) => Boolean(version(text)) && spec.matches(version(text)));
    spec.free();
    return matched;
  } catch {
    return null;
  }
}

server.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    const request = JSON.parse(line);
    const reply = request.match ? { match: request.match.map(match) } : await answer(request, base);
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  process.exit(0);
});
