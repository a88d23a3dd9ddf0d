// Encodes the documents of a JSON-lines file with the npm package tokenizers, once for every
// line on standard input, and answers each with the seconds the better of its two ways took.
//
//	node huggingface.mjs node_modules/ tokenizer.json documents.jsonl
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { createRequire } from 'node:module';

const [modules, file, docs] = process.argv.slice(2);
const { Tokenizer } = createRequire(path.resolve(modules) + '/')('tokenizers');
const tokenizer = Tokenizer.fromFile(file);
const texts = fs.readFileSync(docs, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const options = { addSpecialTokens: false };

async function seconds(encode) {
  const start = process.hrtime.bigint();
  await encode();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

for await (const _ of readline.createInterface({ input: process.stdin })) {
  let tokens = 0;
  const batch = await seconds(async () => {
    for (const e of await tokenizer.encodeBatch(texts, options)) tokens += e.getLength();
  });
  const single = await seconds(async () => {
    for (const t of texts) await tokenizer.encode(t, null, options);
  });
  console.log(JSON.stringify({ tokens, seconds: Math.min(batch, single) }));
}
