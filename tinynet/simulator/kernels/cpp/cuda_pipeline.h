// Copies to shared memory that a GPU makes beside its work; here each is made when it is asked for.
#pragma once
#include "cuda.h"

static inline void __pipeline_memcpy_async(void* to, const void* from, size_t bytes,
                                           size_t zeros = 0) {
  if (zeros) memset((char*)to + bytes - zeros, 0, zeros);
  if (bytes == 16 && !zeros) *(uint4*)to = *(const uint4*)from;
  else if (bytes == 8 && !zeros) *(uint2*)to = *(const uint2*)from;
  else for (size_t i = 0; i < bytes - zeros; ++i) ((char*)to)[i] = ((const char*)from)[i];
}
SIM_INLINE void __pipeline_commit() {}
SIM_INLINE void __pipeline_wait_prior(size_t) {}
