// The entry point that describes matrices to bulk copies.
#include "entry.h"

ENTRY(cuTensorMapEncodeTiled, emu::Boxes* map, int type, unsigned rank, void* at, const u64* size, const u64* stride,
      const unsigned* box, const unsigned* step, int interleave, int swizzle, int, int fill) {
  ENTER(true);
  const int bf16 = 9, swizzle_128 = 3;
  if ((u64)map % 64 || type != bf16 || rank != 2 || interleave || swizzle != swizzle_128 || fill) return kInvalidValue;
  if ((u64)at % 16 || stride[0] % 16 || stride[0] < 2 * size[0] || !size[0] || !size[1]) return kInvalidValue;
  if (box[0] != kLine / 2 || !box[1] || box[1] > 256 || step[0] != 1 || step[1] != 1) return kInvalidValue;
  *map = emu::Boxes{emu::kBoxes, (u64)at, size[0], size[1], stride[0], box[0], box[1]};
  return kSuccess;
}
