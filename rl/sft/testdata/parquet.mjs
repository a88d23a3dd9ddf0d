// Writes the Parquet files of the folder read: npm install parquet-wasm apache-arrow hyparquet-writer
import * as arrow from 'apache-arrow'
import * as pq from 'parquet-wasm/node'
import { writeFileSync } from 'node:fs'
import { parquetWriteFile } from 'hyparquet-writer'

const { Utf8, LargeUtf8, List, Struct, Field, Int64, Dictionary, Int32, Float64 } = arrow
const message = new Struct([new Field('content', new Utf8, true), new Field('role', new Utf8, true)])
const part = new Struct([new Field('type', new Utf8, true), new Field('text', new Utf8, true)])
const list = (t, name = 'item') => new List(new Field(name, t, true))

function write(name, columns, compression) {
  const vectors = {}
  for (const [k, [type, values]] of Object.entries(columns)) vectors[k] = arrow.vectorFromArray(values, type)
  const table = new arrow.Table(vectors)
  const props = new pq.WriterPropertiesBuilder().setCompression(compression).setMaxRowGroupSize(3).build()
  writeFileSync('read/' + name, pq.writeParquet(pq.Table.fromIPCStream(arrow.tableToIPC(table, 'stream')), props))
}

write('messages.parquet', {
  prompt_id: [new Int64, [7n, 8n, 9n, 10n]],
  prompt: [new Utf8, ['Who?', 'Which?', null, 'Why?']],
  score: [new Float64, [0.5, null, 1, 2]],
  messages: [list(message), [
    [{ role: 'user', content: 'Who runs the mill?' }, { role: 'assistant', content: 'The baker.' }],
    [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Which?' }, { role: 'assistant', content: 'That one.' },
      { role: 'user', content: '' }, { role: 'assistant', content: 'Größe 😀' }],
    [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }],
    [{ role: 'user', content: 'c' }, { role: 'assistant', content: 'd' }]]],
}, pq.Compression.SNAPPY)
write('pairs.parquet', {
  question: [new Dictionary(new Utf8, new Int32), ['one', 'one', 'two', 'three']],
  answer: [new Utf8, ['1', '1.', '2', '3']],
  system: [new Utf8, [null, '', 'Be brief.', null]],
}, pq.Compression.ZSTD)
write('alpaca.parquet', {
  instruction: [new Utf8, ['Add.', 'Greet.']], input: [new Utf8, ['1 and 2', '']], output: [new Utf8, ['3', 'Hello.']],
  history: [list(list(new Utf8, 'element'), 'element'), [[['Hi.', 'Hello.'], ['Well?', 'Well.']], null]],
}, pq.Compression.GZIP)
write('bad_null.parquet', {
  prompt: [new Utf8, ['a', 'c']], answer: [new Utf8, ['b', null]],
}, pq.Compression.UNCOMPRESSED)
write('bad_columns.parquet', { id: [new Int64, [1n]], text: [new Utf8, ['a']] }, pq.Compression.UNCOMPRESSED)
parquetWriteFile({ filename: 'read/large.parquet', columnData: [
  { name: 'prompt', data: Array.from({ length: 200 }, (_, i) => 'prompt ' + i), type: 'STRING' },
  { name: 'completion', data: Array.from({ length: 200 }, (_, i) => 'answer ' + i), type: 'STRING' }] })
