// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Times an ONNX model in ONNX Runtime on the CPU and prints one JSON object, as `cnnc bench --json`
// does: node onnxruntime.js MODEL.onnx THREADS SECONDS. The npm package onnxruntime-node is looked up
// from the current folder.
const { createRequire } = require('module');
const path = require('path');
const ort = createRequire(path.join(process.cwd(), 'here.js'))('onnxruntime-node');

function randomTensor(shape) {
  const extents = shape.map(extent => (typeof extent === 'number' && extent > 0 ? extent : 1));
  const data = new Float32Array(extents.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; ++i) data[i] = Math.random() - 0.5;
  return new ort.Tensor('float32', data, extents);
}

async function main() {
  const [model, threads, seconds] = process.argv.slice(2);
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, graphOptimizationLevel: 'all' });
  const feeds = {};
  session.inputNames.forEach((name, i) => {
    feeds[name] = randomTensor(session.inputMetadata[i].shape);
  });
  await session.run(feeds);
  const times = [];
  const end = Date.now() + 1000 * Number(seconds);
  do {
    const start = process.hrtime.bigint();
    await session.run(feeds);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  } while (Date.now() < end);
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({
    min_ms: times[0], median_ms: times[times.length >> 1], runs: times.length }));
}

main();
