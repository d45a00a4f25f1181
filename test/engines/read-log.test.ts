/**
 * Lines of llama-server's output, of the tether and of old and new logs. That a real one writes them: llama-
 * server.test.ts.
 */
import { expect, test } from 'bun:test';
import { readLog } from '#src/engines/read-log.ts';

const tether = 'cmd_child_to_router:state:';

test.each([
  [
    `${tether}{"state":"loading","payload":{"stages":["text_model"],"current":"text_model","value":0.25}}`,
    'text_model',
    0.25,
  ],
  [`${tether}{"state":"loading","payload":{"current":"mmproj","value":7}}`, 'mmproj', 1],
  ['load_tensors: loading model tensors, this can take a while... (mmap = true)', 'text_model', 0],
  ['.'.repeat(50), 'text_model', 0.5],
  ['0.00.008 I llama_context: constructing llama_context', 'context', 0],
  ['common_init_from_params: warming up the model with an empty run - please wait ...', 'warm-up', 0],
])('%s is progress', (line, stage, ratio) => {
  expect(readLog(line)).toEqual({ kind: 'load-progress', stage, ratio });
});

test.each([
  [`${tether}{"state":"ready","payload":{}}`],
  ['main: model loaded'],
  ['0.00.013.267 I srv  llama_server: model loaded'],
])('%s is ready', (line) => {
  expect(readLog(line)).toEqual({ kind: 'ready' });
});

test.each([
  ['load_tensors:   CPU_Mapped model buffer size =     1.00 MiB', 'mapped-weights', 1_048_576],
  ['load_tensors: Metal_Mapped model buffer size =  4165.37 MiB', 'weights', 4_367_707_013],
  ['llama_kv_cache_unified:      Metal KV buffer size =   512.00 MiB', 'kv-cache', 536_870_912],
  ['llama_memory_recurrent:        CPU RS buffer size =     2.00 MiB', 'kv-cache', 2_097_152],
  ['0.00.009 I sched_reserve:        CPU compute buffer size =     2.00 MiB', 'compute', 2_097_152],
  ['load_tensors:          AMX model buffer size =     0.50 MiB', 'repacked-weights', 524_288],
  ['load_tensors:   CPU_REPACK model buffer size =     0.50 MiB', 'repacked-weights', 524_288],
] as const)('%s is memory', (line, part, bytes) => {
  expect(readLog(line)).toEqual({ kind: 'memory', part, bytes });
});

test.each([
  [`${tether}{"state":"loading"`],
  [`${tether}{"state":"loading","payload":{"current":1,"value":"x"}}`],
  [`${tether}null`],
  // The sum of the lines before: counting it too would double the cache.
  ['llama_kv_cache: size =    1.00 MiB (  4096 cells,   1 layers,  2/1 seqs), K (f16):    0.50 MiB'],
  // An older build listens before it loads.
  ['main: HTTP server is listening, hostname: 127.0.0.1, port: 8080, http threads: 7'],
  ['the user wrote: model loaded, thanks'],
  [''],
])('%s says nothing', (line) => {
  expect(readLog(line)).toBeNull();
});
