// Who has seen what of whom, by vector clocks. The lanes of a warp share one. A lane that has waited for an
// mbarrier knows more than the others until sync_warp or sync_block: it is ahead of them.
#include "machine.h"

namespace emu {

static bool is_ahead(const Thread& t) { return block.warp[t.warp].ahead >> t.lane & 1; }

const Clock& seen_by(const Thread& t) { return is_ahead(t) ? block.ahead[t.id] : block.warp[t.warp].clock; }

void see(const Clock& c) {
  const Thread& t = *here.thread;
  Warp& w = block.warp[t.warp];
  if (!is_ahead(t)) block.ahead[t.id] = w.clock;
  w.ahead |= 1u << t.lane;
  block.ahead[t.id].join(c);
}

Clock release() {
  const Thread& t = *here.thread;
  Clock c = seen_by(t);
  c.at[t.warp] = block.warp[t.warp].clock.at[t.warp]++;
  return c;
}

Clock seen_by_group(u32 group) {
  Clock all;
  memset(&all, 0xff, sizeof all);
  for (u32 number = 4 * group; number < 4 * group + 4; number++) {
    const Warp& w = block.warp[number];
    if (w.ahead != ~0u) all.meet(w.clock);
    for (u32 lane = 0; w.ahead == ~0u && lane < 32; lane++) {
      Clock c = block.ahead[32 * number + lane];
      c.at[number] = w.clock.at[number];
      all.meet(c);
    }
  }
  return all;
}

void group_sees(u32 group, u32 agent, u32 epoch) {
  auto see = [&](Clock& c) { c.at[agent] = std::max(c.at[agent], epoch); };
  for (u32 i = 4 * group; i < 4 * group + 4; i++) see(block.warp[i].clock);
  for (u32 i = 128 * group; i < 128 * group + 128; i++) see(block.ahead[i]);
}

void lanes_meet(u32 number) {
  Warp& w = block.warp[number];
  for (; w.ahead; w.ahead &= w.ahead - 1) w.clock.join(block.ahead[32 * number + __builtin_ctz(w.ahead)]);
  w.since = ++w.clock.at[number];
}

void warps_meet() {
  Clock all{};
  for (u32 w = 0; w < block.warps; w++) {
    lanes_meet(w);
    all.join(block.warp[w].clock);
  }
  for (u32 w = 0; w < block.warps; w++) {
    block.warp[w].clock = all;
    block.warp[w].since = ++block.warp[w].clock.at[w];
  }
}

}  // namespace emu
