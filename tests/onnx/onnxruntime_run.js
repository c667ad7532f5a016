// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs an ONNX model once in ONNX Runtime: node onnxruntime_run.js MODEL.onnx REQUEST.json, where the
// request has `inputs`, a list of {type, dims, file} with raw little-endian data in the model's
// order. Writes every output beside the request as output0.bin, ... and prints their types and
// extents. The npm package onnxruntime-node is looked up from the current folder.
const { createRequire } = require('module');
const fs = require('fs');
const path = require('path');
const ort = createRequire(path.join(process.cwd(), 'here.js'))('onnxruntime-node');

const arrays = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array,
                 int64: BigInt64Array, bool: Uint8Array };

function read(input) {
  const bytes = fs.readFileSync(input.file);
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return new ort.Tensor(input.type, new arrays[input.type](copy), input.dims);
}

async function main() {
  const [model, request] = process.argv.slice(2);
  const { inputs } = JSON.parse(fs.readFileSync(request, 'utf8'));
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  const feeds = {};
  session.inputNames.forEach((name, i) => { feeds[name] = read(inputs[i]); });
  const results = await session.run(feeds);
  console.log(JSON.stringify(session.outputNames.map((name, i) => {
    const { type, dims, data } = results[name];
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    fs.writeFileSync(path.join(path.dirname(request), `output${i}.bin`), bytes);
    return { name, type, dims };
  })));
}

main().catch(error => { console.error(String(error)); process.exit(1); });
