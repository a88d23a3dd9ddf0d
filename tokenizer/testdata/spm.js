// Writes spm.json: small tokenizers of SentencePiece's kind, texts, and what Hugging Face's package makes of them. See README.md.
const {Tokenizer} = require('tokenizers'), fs = require('fs');

const prose = 'The ferry leaves the old harbour at nine. The keeper of the lighthouse counts 1024 waves, then 2048 more; nobody counts the gulls. ' +
  'Le phare éclaire la mer. Der Leuchtturm über dem Meer. 海の灯台。 def f(x):\n\treturn x + 1\n\n    # the end of the harbour  ';

// A vocabulary: bytes, characters, and what the most frequent pairs of the words make.
function train(size) {
  const words = prose.repeat(2).split(/(?= )/).map(w => [...w.replace(/ /g, '▁')]), merges = [];
  const tokens = ['<unk>', '<s>', '</s>'];
  for (let b = 0; b < 256; b++) tokens.push('<0x' + b.toString(16).toUpperCase().padStart(2, '0') + '>');
  tokens.push('▁', ...new Set(words.flat().filter(c => c > ' ' && c !== '▁')), 'é');
  const known = new Set(tokens);
  for (const run of ['▁▁', '▁▁▁▁']) { merges.push([run.slice(0, run.length / 2), run.slice(run.length / 2)]); known.add(run); }
  while (known.size < size) {
    const count = new Map();
    for (const w of words) for (let i = 0; i + 1 < w.length; i++) if (known.has(w[i]) && known.has(w[i + 1])) {
      const k = w[i] + ' ' + w[i + 1];
      count.set(k, (count.get(k) || 0) + 1);
    }
    if (!count.size) break;
    const [pair] = [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    const [l, r] = pair.split(' ');
    merges.push([l, r]);
    known.add(l + r);
    for (const w of words) for (let i = 0; i + 1 < w.length; i++) if (w[i] === l && w[i + 1] === r) w.splice(i, 2, l + r);
  }
  return {vocab: Object.fromEntries([...known].map((t, i) => [t, i])), merges};
}

const {vocab, merges} = train(460), size = Object.keys(vocab).length;
const added = (id, content, flags) => ({id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...flags});
const special = flags => ['<unk>', '<s>', '</s>'].map((t, i) => added(i, t, flags));
const meta = (prepend_scheme, split) => ({type: 'Metaspace', replacement: '▁', prepend_scheme, split});
const decoders = (...more) => ({type: 'Sequence', decoders: [{type: 'Replace', pattern: {String: '▁'}, content: ' '}, {type: 'ByteFallback'}, {type: 'Fuse'}, ...more]});
const strip = {type: 'Strip', content: ' ', start: 1, stop: 0};
const prepend = {type: 'Sequence', normalizers: [{type: 'Prepend', prepend: '▁'}, {type: 'Replace', pattern: {String: ' '}, content: '▁'}]};
const base = {version: '1.0', truncation: null, padding: null, added_tokens: special({}), normalizer: prepend, pre_tokenizer: null, post_processor: null,
  decoder: decoders(strip), model: {type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null,
    fuse_unk: true, byte_fallback: true, ignore_merges: false, vocab, merges: merges.map(m => m.join(' '))}};
const someBytes = Object.fromEntries(Object.entries(vocab).sort((a, b) => a[1] - b[1]).filter(([t]) => !/^<0x[89A-F][048C]>$/.test(t)).map(([t], i) => [t, i]));

// What each variant changes of base; model is laid over its model.
const variants = {
  legacy: {},
  normalized: {added_tokens: special({normalized: true}), model: {merges}},
  first: {normalizer: null, pre_tokenizer: meta('first', false), added_tokens: [...special({}), added(size, '[WORD]', {special: false}),
    added(size + 1, '[STRIP]', {lstrip: true, rstrip: true}), added(size + 2, 'zulu', {special: false, normalized: true, single_word: true})]},
  always: {normalizer: {type: 'NFC'}, pre_tokenizer: meta('always', true), decoder: meta('always', true),
    added_tokens: [...special({}), added(size, '[WORD]', {special: false, normalized: true})]},
  never: {normalizer: null, pre_tokenizer: meta('never', true), decoder: decoders()},
  unknown: {model: {byte_fallback: false}},
  unfused: {model: {byte_fallback: false, fuse_unk: false}},
  'some bytes': {model: {vocab: someBytes, fuse_unk: false}},
  'ignore merges': {normalizer: null, pre_tokenizer: meta('first', true), model: {ignore_merges: true}},
};

let seed = 1;
const random = n => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n; };
const parts = [' ', '  ', '\n', '▁', ' ▁', 'the', ' the', ' harbour', '<s>', ' </s>', '<unk>', '[WORD]', ' [WORD] ', '  [STRIP]  ', 'zulu', ' zulu ', 'zulus',
  '<0x41>', '\t', '\r\n', '    ', 'é', 'e\u0301', '\u212a', '1024', '海の', '漢', '🤗', '\u0000', '\u00a0', '가', 'Ω', '\ufffd', '. '];
const texts = ['', ' ', '▁', 'a', prose, ...parts];
for (let i = 0; i < 40; i++) { let s = ''; for (let j = 2 + random(12); j > 0; j--) s += parts[random(parts.length)]; texts.push(s); }

(async () => {
  const cases = {};
  for (const name in variants) {
    const tok = Tokenizer.fromString(JSON.stringify({...base, ...variants[name], model: {...base.model, ...variants[name].model}}));
    cases[name] = [];
    for (const text of texts) {
      const ids = (await tok.encode(text, null, {addSpecialTokens: false})).getIds();
      cases[name].push([ids, await tok.decode(ids, false)]);
    }
  }
  const lines = o => '{\n' + Object.entries(o).map(([k, v]) => JSON.stringify(k) + ': ' + JSON.stringify(v)).join(',\n') + '\n}';
  fs.writeFileSync('spm.json', `{"base": ${lines(base)},\n"variants": ${lines(variants)},\n"texts": ${JSON.stringify(texts)},\n"cases": ${lines(cases)}}\n`);
})();
