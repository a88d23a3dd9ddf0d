// What the lanes of a warp do together, and asynchronous copies.
#include "machine.h"

namespace emu {

static const char* const kNames[] = {"a shuffle", "ldmatrix", "ldmatrix.trans", "mma", "sync_warp"};

static void shuffle(Warp& w) {
  u32 value[32];
  for (u32 l = 0; l < 32; l++) value[l] = ((Shuffle*)w.operands[l])->value;
  for (u32 l = 0; l < 32; l++) {
    Shuffle* s = (Shuffle*)w.operands[l];
    s->value = value[s->from % 32];
  }
}

static void load_matrix(Warp& w, bool transposed) {
  u16 m[4][8][8];
  Thread* me = here.thread;
  for (u32 l = 0; l < 32; l++) {
    here.thread = &block.thread[me->warp * 32 + l];  // who reads
    const void* row = ((LoadMatrix*)w.operands[l])->row;
    if ((u64)row % 16) fail("ldmatrix of a row at %p, which is not aligned to 16 bytes", row);
    if (!in_shared(row, 16)) fail("ldmatrix of a row outside shared memory");
    check_shared(row, 16, kRead);
    memcpy(m[l / 8][l % 8], row, 16);
  }
  here.thread = me;
  for (u32 l = 0; l < 32; l++) {
    u32 r = l / 4, c = l % 4 * 2, *out = ((LoadMatrix*)w.operands[l])->registers;
    for (u32 j = 0; j < 4; j++)
      out[j] = transposed ? m[j][c][r] | (u32)m[j][c + 1][r] << 16 : m[j][r][c] | (u32)m[j][r][c + 1] << 16;
  }
}

static void multiply(Warp& w) {
  Rows a;
  Columns b;
  float c[8][16];
  for (u32 l = 0; l < 32; l++) {
    const Multiply* m = (Multiply*)w.operands[l];
    u32 g = l / 4, t = l % 4;
    for (u32 i = 0; i < 4; i++) {
      a.pairs[t + 4 * (i / 2)][g + 8 * (i % 2)] = m->a[i];
      c[2 * t + i % 2][g + 8 * (i / 2)] = m->d[i];
    }
    b.pairs[g][t] = m->b0;
    b.pairs[g][t + 4] = m->b1;
  }
  prepare(a);
  prepare(b);
  tensor_core(settings.tensor, a, b, c);
  counts.tensor += 2 * 16 * 8 * 16;
  for (u32 l = 0; l < 32; l++) {
    float* d = ((Multiply*)w.operands[l])->d;
    for (u32 i = 0; i < 4; i++) d[i] = c[l % 4 * 2 + i % 2][l / 4 + 8 * (i / 2)];
  }
}

void collective(Collective op, void* operands) {
  Thread* t = here.thread;
  Warp& w = block.warp[t->warp];
  if (!w.arrived) w.op = op;
  if (w.op != op) fail("the lanes of a warp part: %s here, %s elsewhere", kNames[op], kNames[w.op]);
  w.operands[t->lane] = operands;
  w.arrived |= 1u << t->lane;
  if (w.arrived != ~0u) {
    wait(kNames[op]);
    return;
  }
  w.arrived = 0;
  switch (op) {
    case kShuffle: shuffle(w); break;
    case kLoadMatrix: load_matrix(w, false); break;
    case kLoadTransposed: load_matrix(w, true); break;
    case kMultiply: multiply(w); break;
    case kSyncWarp: lanes_meet(t->warp); break;
  }
  wake(w);
}

static void finish(const Copy& c) {
  if (c.bytes) memcpy(c.dst, c.src, (size_t)c.bytes);
  memset((u8*)c.dst + c.bytes, 0, (size_t)(16 - c.bytes));
}

void cp_async(void* dst, const void* src, i32 bytes) {
  if ((u64)dst % 16 || !in_shared(dst, 16))
    fail("cp.async to %p, which is no place in shared memory for 16 bytes", dst);
  if (bytes < 0 || bytes > 16) fail("cp.async of %d bytes", bytes);
  if (bytes && (u64)src % 16) fail("cp.async from %p, which is not aligned to 16 bytes", src);
  if (bytes) check_global(src, (u32)bytes, false);
  check_shared(dst, 16, kWrite);
  u32 id = here.thread->id;
  Copy c{dst, src, bytes, block.group[id]};
  if (settings.late) {
    memset(dst, 0xff, 16);  // NaN until it is waited for
    block.copies[id].push_back(c);
  } else {
    finish(c);
  }
}

void atomic_add(u64* p, u64 v) {
  if ((u64)p % 8 || !in_shared(p, 8)) fail("an atomic addition at %p, which is no place in shared memory", (void*)p);
  check_shared(p, 8, kAtomic);
  *p += v;
}

void cp_commit() { block.group[here.thread->id]++; }

void cp_wait(i32 newest) {
  u32 id = here.thread->id;
  auto& list = block.copies[id];
  size_t done = 0;
  for (; done < list.size() && (i32)(block.group[id] - list[done].group) > newest; done++) {
    finish(list[done]);
    check_shared(list[done].dst, 16, kWrite);
  }
  list.erase(list.begin(), list.begin() + (long)done);
}

}  // namespace emu
